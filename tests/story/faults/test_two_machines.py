"""Two machines: pools with separate folders share one site's limits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from app import runtime
from app.jira.endpoints import endpoint_of
from bench.simulator import simulated
from tests.conftest import a_settings
from tests.soak.stand import Stand
from tests.story.processes import RunningApp, running_app, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.runtime import Runtime

ISSUES, ISSUES_AT_SCALE = 1500, 8000
CONCURRENCY, LATENCY_MS = 3, 40
WORKERS = 2
WORKERS_IN_ALL = 2 * (WORKERS + 1)
"""Two machines; each has one more worker for live jobs."""
LATE = 8
"""Requests that a busy machine may delay into the next second."""
PAGES = "GET search/jql"
REAL_PART = 0.1
"""Lowest share of the issues for each machine."""
ANSI, FIELD = re.compile(r"\x1b\[[0-9;]*m"), re.compile(r"(\w+)=(\S+)")


@pytest.fixture
def shared_redis_url(redis_url: str) -> str:
    return redis_url.replace("?db=0", "?db=5")


@pytest.fixture
def own_parts(own_database_url: str, shared_redis_url: str) -> Iterator[Runtime]:
    runtime_parts = runtime.assemble(a_settings(), database_url=own_database_url, redis_url=shared_redis_url)
    yield runtime_parts
    runtime_parts.store.engine.dispose()
    runtime_parts.redis.close()


@pytest.fixture
def machines(own_database_url: str, shared_redis_url: str, tmp_path: Path) -> Iterator[list[RunningApp]]:
    """Two pools of workers, the first with the clock, each with its own folder and environment."""
    with running_app(
        database_url=own_database_url,
        redis_url=shared_redis_url,
        install_keys_url="http://127.0.0.1:9/unreachable",
        log=tmp_path / "first.log",
        roles=(),
    ) as first:
        first.env |= {"SITE_CONCURRENCY": str(CONCURRENCY), "WORKER_CONCURRENCY": str(WORKERS)}
        second = RunningApp(first.port, {**first.env, "DATA_DIR": str(tmp_path / "second")}, tmp_path / "second.log")
        first.env |= {"DATA_DIR": str(tmp_path / "first")}
        try:
            first.start("worker", "clock")
            second.start("worker")
            yield [first, second]
        finally:
            second.stop()


def issues_read(machine: RunningApp) -> int:
    """Issues on the pages that a machine's workers have stored."""
    lines = ANSI.sub("", machine.log.read_text(errors="replace")).splitlines()
    pages = [dict(FIELD.findall(line)) for line in lines if " page " in line]
    return sum(int(page["items"]) for page in pages if page["entity"] == "issue")


def test_two_machines_are_as_polite_as_one(
    machines: list[RunningApp], own_parts: Runtime, tmp_path: Path, is_at_scale: bool
) -> None:
    stand = Stand(tmp_path, machines[0], own_parts)
    issues = ISSUES_AT_SCALE if is_at_scale else ISSUES
    with simulated(issues) as site:
        site.reset(latency_ms=LATENCY_MS, burst=100)
        installation, integration = stand.pair(site.url)
        wait_for(lambda: own_parts.redis.scard("rq:workers") == WORKERS_IN_ALL, explain=machines[1].tail)
        stand.begin(installation.tenant_id)
        wait_for(lambda: stand.is_verified(integration), 120, machines[0].tail)
        counters = site.counters()
    assert counters["most_in_flight"] == CONCURRENCY, "less would mean that nothing was put to the test"
    # A kanban board answers 400 to the question for its sprints, once.
    assert counters["statuses"].keys() <= {"200", "400"}
    sprint_lists = counters["requests_by_template"]["board/{}/sprint"]
    assert counters["statuses"].get("400", 0) < sprint_lists
    ceiling = endpoint_of("GET", "/rest/api/3/search/jql").ceiling
    assert counters["most_a_second"][PAGES] <= ceiling + LATE
    counts = [issues_read(machine) for machine in machines]
    assert sum(counts) >= issues
    assert min(counts) >= REAL_PART * issues, counts
