"""Workers die in the middle of a backfill; the rows end up as if nobody had."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from app.store.tables import entity_tables
from sandbox import Options, Site, SiteKey, serve
from tests.story.processes import RunningApp, running_app, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEED, ISSUES = 11, 900


@pytest.fixture
def own_app(empty_database_url: str, redis_url: str, key_host: str, tmp_path: Path) -> Iterator[RunningApp]:
    """The app on a database of its own, so that its worker can be killed."""
    with running_app(
        database_url=empty_database_url,
        redis_url=redis_url.replace("?db=0", "?db=2"),
        install_keys_url=key_host,
        log=tmp_path / "app.log",
    ) as started:
        yield started


def rows_of(database_url: str, site: Site) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that was stored for a site, but for book-keeping and the site's own address."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    with psycopg.connect(database_url) as connection:
        for name, table in entity_tables().items():
            kept = [f'"{column.name}"' for column in table.columns if column.name not in _BOOK_KEEPING]
            rows = connection.execute(
                f"SELECT id, replace((ROW({', '.join(kept)}))::text, %s, 'SITE') FROM {table.name}"
                " JOIN installations USING (tenant_id) WHERE client_key = %s ORDER BY id",
                (site.base_url, site.client_key),
            )
            found[name] = list(rows)
    return found


_BOOK_KEEPING = {"tenant_id", "read_at", "version"}


def test_killed_workers_leave_the_rows_of_an_undisturbed_run(
    own_app: RunningApp, empty_database_url: str, install_key: SiteKey
) -> None:
    slow = Options(latency_ms=30)
    calm = Site(dataset="seeded", seed=SEED, issues=ISSUES, app_url=own_app.url, key=install_key, options=slow)
    hit = Site(dataset="seeded", seed=SEED, issues=ISSUES, app_url=own_app.url, key=install_key, options=slow)
    with serve(calm), serve(hit):
        own_app.wait_until_verified(own_app.pair(calm, "calm"))

        integration = own_app.pair(hit, "hit")
        for least in (1, ISSUES // 3):
            wait_for(lambda least=least: stored_issues(own_app, integration) >= least)  # type: ignore[misc]  # mypy sees a parameter
            own_app.kill("worker")
            before = stored_issues(own_app, integration)
            assert before < ISSUES, "the backfill was over before the kill"
            time.sleep(0.5)
            assert stored_issues(own_app, integration) == before
            own_app.start("worker")
        own_app.wait_until_verified(integration)

        undisturbed, disturbed = rows_of(empty_database_url, calm), rows_of(empty_database_url, hit)
        assert len(undisturbed["issue"]) == ISSUES
        for name, rows in undisturbed.items():
            assert disturbed[name] == rows, name


def stored_issues(app: RunningApp, integration: str) -> int:
    entities = app.progress(integration)["entities"]
    return next((each["done"] for each in entities if each["entity"] == "issue"), 0)
