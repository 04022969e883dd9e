"""During a short outage of PostgreSQL the pages read from Jira wait in the worker instead of being read again."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import func, select

from app import clock, runtime
from app.catalog.registry import entity
from app.conditions import Code
from app.errors import Unavailable
from app.ingest.backfill.threads import retry_while_unavailable
from app.ingest.backfill.worker import BackfillWorker, walk_limit
from app.ingest.planning import plan
from app.store.tables import table_of
from tests import databases
from tests.conftest import a_settings
from tests.factories import a_paired_site
from tests.fakes.jira import FakeSite, FakeSites, FullPages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.runtime import Runtime


@pytest.fixture
def own_parts(own_database_url: str, redis_url: str) -> Iterator[Runtime]:
    runtime_parts = runtime.assemble(a_settings(), database_url=own_database_url, redis_url=redis_url)
    yield runtime_parts
    runtime_parts.store.engine.dispose()
    runtime_parts.redis.close()


class Switch:
    """Turns one database off and on again, like a restart of the server."""

    def __init__(self, server_url: str, database_url: str) -> None:
        self._server_url = server_url
        self._name = databases.name_of(database_url)
        self._timers: list[threading.Timer] = []

    def off(self, seconds: float) -> None:
        self._set(is_on=False)
        self._timers.append(threading.Timer(seconds, self._set, kwargs={"is_on": True}))
        self._timers[-1].start()

    def _set(self, *, is_on: bool) -> None:
        with psycopg.connect(self._server_url, autocommit=True) as admin:
            admin.execute(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS {is_on}".encode())
            if not is_on:
                admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [self._name])

    def wait(self) -> None:
        for timer in self._timers:
            timer.join()


@pytest.fixture
def switch(server_url: str, own_database_url: str) -> Iterator[Switch]:
    new_switch = Switch(server_url, own_database_url)
    yield new_switch
    new_switch.wait()


def test_pages_that_were_read_are_not_read_again(own_parts: Runtime, switch: Switch) -> None:
    tenant_id = a_paired_site(own_parts)[0].tenant_id
    outages = iter([1.0])

    def go_away(path: str, page: dict[str, Any]) -> None:
        if path.endswith("/search/jql") and page.get("nextPageToken") == "300" and (seconds := next(outages, 0)):
            switch.off(seconds)

    site = FakeSite(500, go_away)
    with own_parts.store.bound_to(tenant_id) as session:
        plan.begin_backfill(session, site_concurrency=1)
    worker = BackfillWorker(own_parts.store, FakeSites(site), tenant_id, walk_limit(8), 4, page_sizer=FullPages())  # type: ignore[arg-type]  # a fake wire
    assert worker.work(until=clock.now() + timedelta(seconds=20)) == "done"
    assert [request.get("nextPageToken") for request in site.searches()] == [None, "100", "200", "300", "400"]
    with own_parts.store.bound_to(tenant_id) as session:
        assert session.execute(select(func.count()).select_from(table_of(entity("issue")))).scalar_one() == 500


def test_a_database_that_stays_away_is_told_after_a_few_tries() -> None:
    waits: list[float] = []

    def never() -> None:
        raise Unavailable(Code.DATABASE_AWAY)

    with pytest.raises(Unavailable):
        retry_while_unavailable(never, pause=waits.append)
    assert waits == [0.5, 1.0, 2.0, 4.0]
