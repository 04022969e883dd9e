"""Workers die during a backfill; the rows end up the same."""

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

SEED, ISSUES, ISSUES_AT_SCALE = 11, 240, 900


@pytest.fixture
def own_app(own_database_url: str, redis_url: str, key_host: str, tmp_path: Path) -> Iterator[RunningApp]:
    """The app on a database of its own, with a worker that the test may kill."""
    with running_app(
        database_url=own_database_url,
        redis_url=redis_url.replace("?db=0", "?db=2"),
        install_keys_url=key_host,
        log=tmp_path / "app.log",
    ) as product:
        yield product


def rows_of(database_url: str, site: Site) -> dict[str, list[tuple[Any, ...]]]:
    """All stored rows of a site, without book-keeping columns and the site's own address."""
    rows_of_table: dict[str, list[tuple[Any, ...]]] = {}
    with psycopg.connect(database_url) as connection:
        for name, table in entity_tables().items():
            columns = [f'"{column.name}"' for column in table.columns if column.name not in _BOOK_KEEPING]
            rows = connection.execute(
                f"SELECT id, replace((ROW({', '.join(columns)}))::text, %s, 'SITE') FROM {table.name}"
                " JOIN installations USING (tenant_id) WHERE client_key = %s ORDER BY id",
                (site.base_url, site.client_key),
            )
            rows_of_table[name] = list(rows)
    return rows_of_table


_BOOK_KEEPING = {"tenant_id", "read_at", "version"}


def test_killed_workers_leave_the_rows_of_an_undisturbed_run(
    own_app: RunningApp, own_database_url: str, install_key: SiteKey, is_at_scale: bool
) -> None:
    issues = ISSUES_AT_SCALE if is_at_scale else ISSUES
    slow = Options(latency_ms=60)
    calm = Site(dataset="seeded", seed=SEED, issues=issues, app_url=own_app.url, key=install_key, options=slow)
    hit = Site(dataset="seeded", seed=SEED, issues=issues, app_url=own_app.url, key=install_key, options=slow)
    with serve(calm), serve(hit):
        own_app.wait_until_verified(own_app.pair(calm, "calm"))

        integration = own_app.pair(hit, "hit")
        for minimum in (1, issues // 3):
            wait_for(lambda count=minimum: stored_issues(own_app, integration) >= count)  # type: ignore[misc]  # mypy sees a parameter
            own_app.kill("worker")
            before = stored_issues(own_app, integration)
            assert before < issues, "the backfill was over before the kill"
            time.sleep(0.5)
            assert stored_issues(own_app, integration) == before
            own_app.start("worker")
        own_app.wait_until_verified(integration)

        rows_of_calm, rows_after_kills = rows_of(own_database_url, calm), rows_of(own_database_url, hit)
        assert len(rows_of_calm["issue"]) == issues
        for name, rows in rows_of_calm.items():
            assert rows_after_kills[name] == rows, name


def stored_issues(app: RunningApp, integration: str) -> int:
    entities = app.progress(integration)["entities"]
    return next((entity["done"] for entity in entities if entity["entity"] == "issue"), 0)
