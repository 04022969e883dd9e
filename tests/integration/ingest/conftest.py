"""A complete site, served, paired and read in this process. Its changes arrive as webhooks; tests call the jobs directly."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update
from werkzeug.serving import make_server

from app import clock, ids, runtime
from app.catalog.registry import all_entities, entity
from app.ingest.backfill.worker import BackfillWorker
from app.ingest.drift import absence_check, stale_lists, worklog_feeds
from app.ingest.drift import poll as polling
from app.ingest.live import Drain, failed_webhooks
from app.ingest.planning import applied, inbox, plan
from app.ingest.proof import verification
from app.ingest.writing import absences
from app.integrations import ledger
from app.integrations.model import State
from app.store.schema import CHUNKS, INSTALLATIONS
from app.store.sync_tables import ABSENCES, CURSORS
from app.store.tables import table_of
from app.tenants.sites import Sites
from app.web import create_app
from app.web.words.sentences import english
from sandbox import Site, SiteKey, serve
from sandbox.moments import now_ms
from tests.conftest import a_settings
from tests.factories import a_paired_site, an_account, an_integration
from tests.fakes.limiter import OpenLimiter
from tests.integration.ingest.readings import Reading, record
from tests.soak import rows
from tests.soak.site import PERSON
from tests.soak.truth import differences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from flask import Flask

    from app.integrations.model import Integration
    from app.jira.client import Site as Jira
    from app.runtime import Runtime


@pytest.fixture
def tenant_id(parts: Runtime) -> UUID:
    """A paired site that isn't served."""
    return a_paired_site(parts)[0].tenant_id


def deliver(parts: Runtime, tenant_id: UUID, *issues: int | str, event: str = "jira:issue_updated") -> None:
    """Keep a delivery with its own identifier for each issue."""
    for issue in issues:
        with parts.store.bound_to(tenant_id) as session:
            inbox.keep(session, str(ids.new()), event, {"issue": {"id": str(issue)}})


@dataclass
class SetClock:
    """A site's clock that people set."""

    ahead: timedelta = timedelta()

    def __call__(self) -> int:
        return now_ms() + round(self.ahead.total_seconds() * 1000)


@dataclass
class Town:
    """A sandbox site and the product beside it."""

    parts: Runtime
    site: Site
    tenant_id: UUID
    integration_id: UUID
    database_url: str

    @property
    def jira(self) -> Jira:
        return self.parts.sites.open(self.tenant_id)

    def integration(self) -> Integration:
        with self.parts.store.unrestricted_unsafe() as session:
            return ledger.get(session, self.integration_id)

    def walk(self, *, rounds: int = 30) -> None:
        """Run workers until no chunk waits; postponed chunks are due at once."""
        for _ in range(rounds):
            worker = BackfillWorker(self.parts.store, self.parts.sites, self.tenant_id, 8, 1)
            if worker.work(until=clock.now() + timedelta(seconds=30)) == "done":
                return
            with self.parts.store.bound_to(self.tenant_id) as session:
                session.execute(update(CHUNKS).where(CHUNKS.c.state == "waiting").values(due_at=clock.now()))
        pytest.fail("the walks do not end")

    def backfill(self) -> None:
        with self.parts.store.bound_to(self.tenant_id) as session:
            plan.begin_backfill(session, site_concurrency=1)
        self.walk()
        verification.verify(self.parts.store, self.jira, self.tenant_id)

    def drain(self) -> int:
        """Apply Jira's deliveries and the requests of our sweeps, including their walks."""
        count = 0
        for is_ours in (False, True, False):
            drain = Drain(self.parts.store, self.jira, self.tenant_id, is_ours=is_ours, gap=timedelta(0))
            count += drain.run(until=clock.now() + timedelta(seconds=30))
        self.walk()
        return count

    def poll(self) -> str | None:
        result = polling.poll_issues(self.parts.store, self.jira, self.tenant_id)
        return result and english(result)

    def catch_up(self) -> None:
        """Do the clock's work of half an hour: the poll, the feeds, and their requests."""
        self.poll()
        worklog_feeds.follow_worklogs(self.parts.store, self.jira, self.tenant_id)
        failed_webhooks.take_failed_webhooks(self.parts.store, self.jira, self.tenant_id)
        self.drain()

    def refresh(self, *entities: str) -> None:
        """Read the lists of these entities again, regardless of their age."""
        with self.parts.store.bound_to(self.tenant_id) as session:
            old = {"finished_at": clock.now() - timedelta(days=30)}
            session.execute(update(CHUNKS).where(CHUNKS.c.entity.in_(entities), CHUNKS.c.state == "done").values(**old))
            session.execute(update(CURSORS).where(CURSORS.c.name == "link types").values(ended_at=None))
        for _ in range(50):
            if stale_lists.refresh_stalest_lists(self.parts.store, self.jira, self.tenant_id) is None:
                break
        self.drain()

    def check_absences(self) -> str | None:
        """Check absences, as an hour later."""
        with self.parts.store.bound_to(self.tenant_id) as session:
            earlier = ABSENCES.c.last_missed_at - timedelta(hours=1)
            session.execute(update(ABSENCES).where(ABSENCES.c.settled_at.is_(None)).values(last_missed_at=earlier))
        result = absence_check.check_absences(self.parts.store, self.jira, self.tenant_id)
        self.drain()
        return result and english(result)

    def absences(self) -> dict[str, tuple[str, str | None]]:
        """Cause and evidence of every absence by issue; settled ones have only a cause."""
        with self.parts.store.bound_to(self.tenant_id) as session:
            records = absences.listed(session, limit=1000)
            return {record.issue_id: (record.cause, record.evidence and english(record.evidence)) for record in records}

    def age(self) -> None:
        """Move all reads back by a day, since sweeps ignore recently read rows."""
        with self.parts.store.unrestricted_unsafe() as session:
            table = table_of(entity("issue"))
            old = table.c.read_at - timedelta(days=1)
            session.execute(update(table).where(table.c.tenant_id == self.tenant_id).values(read_at=old))

    def rows(self, name: str, *columns: str) -> dict[str, Any]:
        """Every row of an entity by id: the reason of its tombstone (None: live), or the given columns."""
        table = table_of(entity(name))
        selection = [table.c[name_of_column] for name_of_column in columns] or [table.c.deleted_because]
        with self.parts.store.bound_to(self.tenant_id) as session:
            result = session.execute(select(table.c.id, *selection)).all()
        return {row[0]: row[1] if len(row) == 2 else tuple(row[1:]) for row in result}

    def live(self, name: str) -> set[str]:
        return {row_id for row_id, because in self.rows(name).items() if because is None}

    def differences(self) -> list[str]:
        """Differences between the tables and the site's truth."""
        return differences(self.database_url, self.site)

    def wrong_fields(self) -> str:
        """Differences between the tables and the site's own answers, field by field."""
        self.site.options.api_tokens = dict([PERSON])
        wrong_rows = rows.differences(self.database_url, self.site.base_url, self.site.client_key)
        return rows.summary(wrong_rows) if wrong_rows else ""

    def versions(self) -> dict[tuple[str, str], int]:
        """The version of every row, to detect changes."""
        with self.parts.store.bound_to(self.tenant_id) as session:
            return {
                (name, row.id): row.version
                for name in all_entities()
                for row in session.execute(select(table_of(entity(name)).c["id", "version"]))
            }


@pytest.fixture(scope="session")
def product(database_url: str, redis_url: str, install_key: SiteKey) -> Iterator[tuple[Runtime, Flask]]:
    """The product beside all towns: one application on one port, with a limiter that admits everything."""
    with serve(Site(dataset="seeded", issues=1, projects=1, key=install_key)) as key_host:
        server = make_server("127.0.0.1", 0, lambda *_: [], threaded=True)
        settings = a_settings(
            base_url=f"http://127.0.0.1:{server.server_port}", install_keys_url=f"{key_host}/install-keys"
        )
        parts = runtime.assemble(settings, database_url=database_url, redis_url=redis_url)
        sites = Sites(settings, parts.store, parts.keyring, OpenLimiter())  # type: ignore[arg-type]  # a fake limiter
        parts = replace(parts, sites=sites)
        server.app = create_app(parts)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield parts, server.app
        server.shutdown()
        server.server_close()
        parts.store.engine.dispose()
        parts.redis.close()


@pytest.fixture(scope="session")
def town_parts(product: tuple[Runtime, Flask]) -> Runtime:
    return product[0]


@pytest.fixture(scope="session")
def town_app(product: tuple[Runtime, Flask]) -> Flask:
    return product[1]


@pytest.fixture(scope="session")
def readings() -> dict[frozenset[tuple[str, Any]], Reading]:
    """The readings of this run, by the content of the site."""
    return {}


@pytest.fixture
def a_town(
    town_parts: Runtime,
    database_url: str,
    install_key: SiteKey,
    readings: dict[frozenset[tuple[str, Any]], Reading],
) -> Iterator[Callable[..., Town]]:
    """Creates sites with the app installed, paired and read."""
    with ExitStack() as stack:

        def make(*, reads: bool = True, **options: Any) -> Town:
            site = Site(**{"dataset": "seeded", "issues": 40, "projects": 2, "key": install_key, **options})
            stack.enter_context(serve(site))
            site.lifecycle.app_url = town_parts.settings.base_url
            site.install()
            town = _paired(town_parts, site, database_url)
            if reads:
                _read(town, readings, options)
            return town

        yield make


def _read(town: Town, readings: dict[frozenset[tuple[str, Any]], Reading], options: dict[str, Any]) -> None:
    """Read a site, or give it the rows of one with the same content, which the site's clock is no part of."""
    content = frozenset((name, value) for name, value in options.items() if name not in {"clock", "options"})
    if content in readings and "options" not in options:
        readings[content].give_to(town.database_url, town.tenant_id, town.site.base_url)
        with town.parts.store.bound_to(town.tenant_id) as session:
            applied.note_as_stored(session, town.integration().settings)
        return
    town.backfill()
    if "options" not in options:
        readings[content] = record(town.database_url, town.tenant_id, town.site.base_url)


def _paired(parts: Runtime, site: Site, database_url: str) -> Town:
    with parts.store.unrestricted_unsafe() as session:
        has_key = INSTALLATIONS.c.client_key == site.client_key
        tenant_id = session.execute(select(INSTALLATIONS.c.tenant_id).where(has_key)).scalar_one()
    account, _ = an_account(parts)
    new_integration = an_integration(parts, account)
    with parts.store.unrestricted_unsafe() as session:
        ledger.move_to(session, new_integration.id, State.BACKFILLING, tenant_id=tenant_id, paired_at=clock.now())
    return Town(parts, site, tenant_id, new_integration.id, database_url)
