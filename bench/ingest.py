"""How fast the ingest is: worker processes as operators run them, real PostgreSQL and Valkey, the simulator as Jira.

    python -m bench.ingest --issues 20000 --latency 80 --latency 0    # against the bare loop and tap-jira
    python -m bench.ingest --issues 2000 --stages                     # where the time goes

Everything of a run shares two cores: workers, PostgreSQL, Valkey, the simulator, and in their turn the peers.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import psycopg

from app import clock, embedded, ids, jobs, runtime
from app.config import Settings
from app.integrations import accounts, ledger
from app.integrations.ledger import Draft
from app.integrations.model import Method, Product, State
from app.tenants import arrive
from app.tenants.model import Install
from bench import peers, usage
from bench.figure import Figure, table
from bench.simulator import ROOT, simulated
from bench.stages import STAGES
from tests.story.processes import running_app

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from app.runtime import Runtime
    from bench.peers import Speed
    from bench.simulator import Simulator
    from tests.story.processes import RunningApp

CORES, WORKERS, IN_FLIGHT = 2, 2, 8
QUOTA = "100000000"
"""Points an hour: the default of 65,000 would have 20,000 issues wait for the next hour. Points are counted all the same."""
FULL = ((80, 20_000), (0, 20_000), (80, 200_000))
"""Latencies in ms and sizes of `make bench`."""
TAP_SECONDS = 300.0
"""How long tap-jira is watched at most."""
_PATIENCE_A_THOUSAND, _PATIENCE = 30, 300
"""Seconds until a run that does not end is given up."""
_NUMBERED = ("issue", "changelog", "comment", "worklog", "attachment", "issue_link", "remote_link")
_MOMENTS = {
    "issue": "updated",
    "changelog": "created",
    "comment": "updated",
    "worklog": "updated",
    "attachment": "created",
}
_TOP_UPS = ("issue/{}/changelog", "issue/{}/comment", "issue/{}/worklog", "issue/{}/remotelink")


def run() -> list[Figure]:
    """Everything the README's table says."""
    found: dict[tuple[int, int], Run] = {}
    for latency, issues in FULL:
        found[latency, issues] = measure(issues, latency, with_peers=issues <= 20_000)  # noqa: PLR2004 - their pace is the same at any size
    small, large = (found[80, issues].worker_mb for issues in (20_000, 200_000))
    return [
        *(figure for each in found.values() for figure in each.figures()),
        Figure("ingest: a worker's memory at 200,000 issues, of that at 20,000", 100 * large / small, "%", WORKERS),
        *stages(5000, 0),
    ]


@dataclass
class Run:
    """One ingest, and what it is held against."""

    issues: int
    latency: int
    seconds: float
    """From the plan to verified."""
    last_page: float
    """From the plan to the last answer."""
    counters: dict[str, Any]
    worker_mb: float
    worker_cpu: float
    postgres_cpu: float
    wrong: list[str]
    peers: dict[str, Speed] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Issues a second, stored and verified."""
        return self.issues / self.seconds

    def points(self, *templates: str) -> float:
        """Points an issue, of these endpoints or of all."""
        spent: dict[str, int] = self.counters["points_by_template"]
        return sum(spent.get(each, 0) for each in templates or spent) / self.issues

    def figures(self) -> list[Figure]:
        """As the table has them."""
        name = f"{self.issues:,} issues at {self.latency} ms"
        top_ups, search, boards = self.points(*_TOP_UPS), self.points("search/jql"), self.points("board/{}/issue")
        asked, cpu = self.counters, {"workers": self.worker_cpu, "PostgreSQL": self.postgres_cpu}
        shares = ", ".join(f"{who} {used / self.issues * 1e6:.0f}" for who, used in cpu.items())
        simulator = f"the simulator {asked['cpu_seconds'] / self.issues * 1e6:.0f} on top"
        points = f"{search:.3f} an issue for search, {boards:.3f} for boards; top-ups {top_ups:.3f} on top"
        whole = f"INCOMPLETE: {'; '.join(self.wrong)}" if self.wrong else "all entities complete, by count and checksum"
        last = f"; the last answer after {self.last_page:.0f} s of {self.seconds:.0f}"
        flow = f"most in flight {asked['most_in_flight']}, {asked['bytes'] / 1e6:,.0f} MB"
        made = [
            (f"ingest: {name}", self.rate, "issues/s", whole + last),
            ("  requests", asked["requests"], "requests", flow),
            ("  points", (self.points() - top_ups) * 1000, "points/1,000 issues", points),
            ("  peak memory of a worker", self.worker_mb, "MB", "VmHWM, shared pages included"),
            ("  CPU", sum(cpu.values()) / self.issues * 1e6, "µs/issue", f"{shares}; {simulator}"),
            *(
                (f"  {peer}", speed.rate, "issues/s", f"ingest is {self.rate / speed.rate:.2f} times that{_cut(speed)}")
                for peer, speed in self.peers.items()
            ),
        ]
        return [Figure(label, value, unit, self.issues, note=note) for label, value, unit, note in made]


def _cut(speed: Speed) -> str:
    return "" if speed.is_whole else f"; stopped after {speed.issues:,} issues"


def measure(issues: int, latency: int, *, with_peers: bool) -> Run:
    """One ingest from the plan to verified, then its peers on the same simulator."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(_on_two_cores())
        site = stack.enter_context(simulated(issues))
        site.reset(latency_ms=latency)
        with _product() as (app, parts, servers):
            app.start("worker", "clock")
            _wait_until_idle(app)
            made = _ingest(app, parts, site, usage.Postmaster.of(servers).pid)
            made.latency = latency
            made.wrong = differences(str(app.env["DATABASE_URL"]), site)
        if with_peers:
            targets = site.gets()
            made.peers["bare loop, the same requests"] = peers.bare_loop(site, targets, IN_FLIGHT)
            pages = [each for each in targets if each[0] == "search/jql" and "%2Aall" in each[1]]
            made.peers["bare loop, issue pages alone"] = peers.bare_loop(site, pages, IN_FLIGHT)
            made.peers["tap-jira"] = peers.tap_jira(site, TAP_SECONDS)
    return made


def stages(issues: int, latency: int) -> list[Figure]:
    """CPU and wall ms an issue by stage: one process, with a crew as a worker has it."""
    with _on_two_cores(), simulated(issues) as site, _product() as (app, parts, servers):
        site.reset(latency_ms=latency)
        tenant = _paired(parts, site.url)
        postmaster = usage.Postmaster.of(servers).pid
        before = usage.cpu_seconds(postmaster)
        command = [sys.executable, "-m", "bench.stages", str(tenant)]
        done = subprocess.run(command, cwd=ROOT, env=app.env, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
        postgres = usage.cpu_seconds(postmaster) - before
    found = json.loads(done.stdout.strip().splitlines()[-1])
    spent, waited = found["cpu_by_stage"], found["wall_by_stage"]
    pace = f"{issues / found['wall']:.0f} issues/s by one process"
    made = [(each, spent.get(each, 0), f"{waited.get(each, 0) / issues * 1e6:.0f} of threads' time") for each in STAGES]
    made += [
        ("other", found["cpu"] - sum(spent.values()), "planning, logs, threads"),
        ("PostgreSQL", postgres, pace),
    ]
    return [
        Figure(
            f"stages: {issues:,} issues at {latency} ms: {stage}",
            seconds / issues * 1e6,
            "CPU µs/issue",
            issues,
            note=note,
        )
        for stage, seconds, note in made
    ]


# -- the product


@contextlib.contextmanager
def _product() -> Iterator[tuple[RunningApp, Runtime, Path]]:
    """Servers, a migrated database and processes ready to be started. The servers' folder comes last."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = stack.enter_context(embedded.running(folder / "servers", postgres=True, valkey=True))
        database, redis = str(servers.database_url), str(servers.redis_url)
        app = stack.enter_context(
            running_app(
                database_url=database,
                redis_url=redis,
                install_keys_url="http://127.0.0.1:9/unreachable",
                log=folder / "app.log",
                roles=(),
            )
        )
        app.env |= {
            "WORKER_CONCURRENCY": str(WORKERS),
            "SITE_CONCURRENCY": str(IN_FLIGHT),
            "APP_POINTS_PER_HOUR": QUOTA,
        }
        settings = Settings(
            environment="development",
            secret_keys=tuple(app.env["SECRET_KEYS"].split(",")),
            site_hosts=("http://127.0.0.1:*",),
        )
        parts = runtime.assemble(settings, database_url=database, redis_url=redis)
        stack.callback(parts.store.engine.dispose)
        yield app, parts, folder / "servers"


def _paired(parts: Runtime, site_url: str) -> UUID:
    """A tenant paired with the simulator by the product's own use cases, without the ceremony of Connect."""
    install = Install(
        client_key=str(ids.new()),
        shared_secret="s" * 64,
        base_url=site_url,
        display_url=None,
        installation_id=None,
        account_id="admin-1",
        issued_at=clock.epoch(),
    )
    with parts.store.unrestricted_unsafe() as session:
        tenant_id = arrive.arrive(session, parts.keyring, install)
        key = accounts.create(session, "bench")
    account = accounts.authenticate(parts.store, key)
    with parts.store.bound_to_account(account.id) as session:
        integration = ledger.create(session, account.id, Draft("Bench", "", [], Product.CLOUD, Method.CONNECT_APP, {}))
    with parts.store.unrestricted_unsafe() as session:
        ledger.move_to(session, integration.id, State.BACKFILLING, tenant_id=tenant_id, paired_at=clock.now())
    return tenant_id


def _ingest(app: RunningApp, parts: Runtime, site: Simulator, postmaster: int) -> Run:
    workers = app.processes["worker"].pid
    site.reset()
    cpu = usage.cpu_seconds(workers), usage.cpu_seconds(postmaster)
    start = time.monotonic()
    tenant = _paired(parts, site.url)
    jobs.enqueue(parts.redis, jobs.PLAN, str(tenant))
    _wait_until_verified(app, start + _PATIENCE + _PATIENCE_A_THOUSAND * site.issues / 1000)
    seconds = time.monotonic() - start
    counters = site.counters()
    return Run(
        issues=site.issues,
        latency=0,
        seconds=seconds,
        last_page=max(counters["last_at"].values()),
        counters=counters,
        worker_mb=max(usage.peak_mb(each) for each in usage.descendants(workers)[1:]),
        worker_cpu=usage.cpu_seconds(workers) - cpu[0],
        postgres_cpu=usage.cpu_seconds(postmaster) - cpu[1],
        wrong=[],
    )


def _wait_until_idle(app: RunningApp) -> None:
    """Until both workers are up and have imported what they need."""
    deadline = time.monotonic() + 60
    while len(usage.descendants(app.processes["worker"].pid)) < 1 + WORKERS and time.monotonic() < deadline:
        _pause(0.1)
    _pause(2)


def _wait_until_verified(app: RunningApp, deadline: float) -> None:
    with psycopg.connect(app.env["DATABASE_URL"], autocommit=True) as connection:
        query = "SELECT state, verified_at, state_reason FROM integrations"
        while True:
            state, verified_at, reason = connection.execute(query).fetchone() or ("", None, "")
            if state == State.HEALTHY and verified_at:
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"{state}: {reason}\n{app.tail()}")
            _pause(0.1)


def _pause(seconds: float) -> None:
    time.sleep(seconds)  # noqa: TID251 - the bench is no worker


def differences(database_url: str, site: Simulator) -> list[str]:
    """What the tables hold otherwise than the site: rows, and a checksum over ids and moments."""
    wrong = []
    with psycopg.connect(database_url) as connection:
        for name, expected in site.truth().items():
            count, checksum = connection.execute(_checksum_of(name)).fetchone() or (0, 0)
            if count != expected["count"]:
                wrong.append(f"{name}: {count} of {expected['count']}")
            elif str(checksum) != expected["checksum"]:
                wrong.append(f"{name}: other ids or moments")
    return wrong


def _checksum_of(entity: str) -> bytes:
    """As `World.truth` computes it."""
    if entity in _NUMBERED:
        moment = _MOMENTS.get(entity)
        ms = f"(round(extract(epoch FROM {moment}) * 1000)::bigint % 999983 + 1)" if moment else "1"
        mixed = f"(id::bigint % 1000003) * {ms}"
    else:
        mixed = "('x' || left(md5(id), 8))::bit(32)::bigint"
    return f"SELECT count(*), coalesce(sum({mixed}::numeric), 0)::text FROM jira_{entity} WHERE deleted_at IS NULL".encode()  # noqa: S608 - our own names


@contextlib.contextmanager
def _on_two_cores() -> Iterator[None]:
    """Bind this process, and all that it starts meanwhile, to two cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:CORES])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def main(given: argparse.Namespace, output: TextIO = sys.stdout) -> None:
    """What was asked for, as a table."""
    figures: Sequence[Figure] = []
    for issues in given.issues or [2000]:
        for latency in given.latency or [0]:
            if given.stages:
                figures = [*figures, *stages(issues, latency)]
            else:
                figures = [*figures, *measure(issues, latency, with_peers=not given.alone).figures()]
    output.write(f"{table(figures)}\n")


if __name__ == "__main__":
    asked = argparse.ArgumentParser(
        prog="python -m bench.ingest", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    asked.add_argument("--issues", type=int, action="append", help="size of the site; may be repeated (2000)")
    asked.add_argument("--latency", type=int, action="append", help="ms before every answer; may be repeated (0)")
    asked.add_argument("--alone", action="store_true", help="without the peers")
    asked.add_argument("--stages", action="store_true", help="where the time goes, in one process")
    main(asked.parse_args())
