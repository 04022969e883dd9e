"""Entities that the product has never seen, from their migration to their erasure. Prints observations as JSON.

The catalogue must have their folder before any table is built, so `test_new_entity` runs this in a process of its own:
DATABASE_URL and REDIS_URL are its arguments.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from alembic.autogenerate import produce_migrations
from alembic.operations import Operations
from alembic.operations.ops import CreateTableOp
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select, update

from app import clock, runtime
from app.catalog.registry import all_entities, entity
from app.handoff import feed
from app.ingest.backfill.worker import BackfillWorker
from app.ingest.drift import stale_lists
from app.ingest.planning import plan
from app.ingest.proof import verification
from app.ingest.status import progress
from app.integrations import ledger
from app.integrations.model import State
from app.privacy.erase import erase_tenant_data
from app.store.migrations import isolation, runner
from app.store.schema import CHUNKS, METADATA
from app.store.session import make_engine
from app.store.tables import table_of
from app.web import create_app, metrics
from tests.conftest import a_settings
from tests.factories import an_account, an_installed_site, an_integration
from tests.fakes.jira import FakeSite, FakeSites, FullPages

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Table

    from app.runtime import Runtime

NAMES = ("project_type", "project_role")
Observations = dict[str, Any]


def migrate(database_url: str) -> list[str]:
    """Apply all migrations, then the one that autogeneration finds missing, with isolation. Returns its tables."""
    runner.upgrade(database_url)
    engine = make_engine(database_url)
    with engine.begin() as connection:
        context = MigrationContext.configure(connection)
        script = produce_migrations(context, METADATA)
        assert script.upgrade_ops is not None
        tables = [operation.table_name for operation in script.upgrade_ops.ops if isinstance(operation, CreateTableOp)]
        for operation in script.upgrade_ops.ops:
            invoke(Operations(context), operation)
        for table in tables:
            for statement in isolation.isolate(table, isolation.BY_TENANT):
                Operations(context).execute(statement)
    engine.dispose()
    return tables


def invoke(operations: Operations, operation: Any) -> None:
    """Apply one operation, or those of one table."""
    for inner in getattr(operation, "ops", [operation]):
        operations.invoke(inner)


@dataclass
class Life:
    """A site that is paired and read."""

    parts: Runtime
    site: FakeSite
    tenant_id: UUID = field(init=False)
    integration_id: UUID = field(init=False)
    api_key: str = field(init=False)

    def __post_init__(self) -> None:
        self.tenant_id = an_installed_site(self.parts).tenant_id
        account, self.api_key = an_account(self.parts)
        self.integration_id = an_integration(self.parts, account).id
        with self.parts.store.unrestricted_unsafe() as session:
            ledger.move_to(
                session, self.integration_id, State.BACKFILLING, tenant_id=self.tenant_id, paired_at=clock.now()
            )

    def plan(self) -> list[str]:
        """Plan the site; the entities of the plan."""
        with self.parts.store.bound_to(self.tenant_id) as session:
            plan.begin_backfill(session, site_concurrency=1)
            return list(session.execute(select(CHUNKS.c.entity)).scalars())

    def backfill(self) -> None:
        sites: Any = FakeSites(self.site)
        for _ in range(10):
            worker = BackfillWorker(self.parts.store, sites, self.tenant_id, 8, 2, page_sizer=FullPages())
            if worker.work(until=clock.now() + timedelta(seconds=20)) == "done":
                return
            with self.parts.store.bound_to(self.tenant_id) as session:
                session.execute(update(CHUNKS).where(CHUNKS.c.state == "waiting").values(due_at=clock.now()))
        raise AssertionError("the walks do not end")

    def verify(self) -> list[tuple[object, ...]]:
        """Findings about the new entities."""
        findings = verification.verify(self.parts.store, self.site.source, self.tenant_id)
        return [
            (finding.entity, finding.scope_id, finding.stored, finding.expected)
            for finding in findings
            if finding.entity in NAMES
        ]

    def refresh(self, *, age: timedelta) -> None:
        """Read the lists that are due where those of the new entities have an age."""
        with self.parts.store.bound_to(self.tenant_id) as session:
            is_new = CHUNKS.c.entity.in_(NAMES)
            session.execute(update(CHUNKS).where(is_new).values(finished_at=clock.now() - age))
        stale_lists.refresh_stalest_lists(self.parts.store, self.site.source, self.tenant_id)

    def rows(self) -> dict[str, dict[str, str | None]]:
        """Names of the live rows by id, by entity."""
        return {name: self._rows(table_of(entity(name))) for name in NAMES}

    def _rows(self, table: Table) -> dict[str, str | None]:
        with self.parts.store.bound_to(self.tenant_id) as session:
            query = select(table.c.id, table.c.name).where(table.c.deleted_at.is_(None))
            return {row.id: row.name for row in session.execute(query)}

    def progress(self) -> dict[str, tuple[int, int | None, bool]]:
        with self.parts.store.bound_to(self.tenant_id) as session:
            figures = {line.entity: line for line in progress.by_entity(session)}
        return {
            name: (figures[name].done, figures[name].expected, figures[name].verified_at is not None) for name in NAMES
        }

    def changes(self) -> list[tuple[str, str, str]]:
        """Entity, id and operation of every change."""
        with self.parts.store.bound_to(self.tenant_id) as session:
            batch = feed.changes(session, self.integration_id, cursor=None, limit=1000, entity_names=NAMES)
        return sorted((line["entity"], line["id"], line["op"]) for line in batch.lines)

    def page(self, language: str) -> str:
        """The console's page about the data."""
        client = create_app(self.parts).test_client()
        with client.session_transaction("/console") as session:
            session["csrf"] = "c"
        client.post("/console/sign-in", data={"csrf": "c", "key": self.api_key})
        address = f"/console/integrations/{self.integration_id}/data"
        answer = client.get(address, headers={"Accept-Language": language})
        assert answer.status_code == 200
        return answer.get_data(as_text=True)


def observe(parts: Runtime) -> Observations:
    """The whole life of the new entities."""
    site = FakeSite(3)
    site.lists["type"] = [{"key": "software", "formattedKey": "Software"}, {"key": "business", "formattedKey": "Work"}]
    site.lists["roledetails"] = [{"id": 10002, "name": "Administrators"}]
    life, observations = Life(parts, site), Observations()
    observations["plan"] = life.plan()
    life.backfill()
    observations["rows"] = life.rows()
    observations["findings"] = life.verify()
    observations["progress"] = life.progress()
    site.lists["type"] = [{"key": "software", "formattedKey": "Code"}, {"key": "service_desk", "formattedKey": "Help"}]
    site.lists["roledetails"] = [{"id": 10003, "name": "Users"}]
    life.refresh(age=timedelta(hours=5))
    observations["rows after 5 hours"] = life.rows()
    life.refresh(age=timedelta(hours=7))
    observations["rows after 7 hours"] = life.rows()
    observations["findings after 7 hours"] = life.verify()
    observations["changes"] = life.changes()
    observations["pages"] = [life.page("en"), life.page("de")]
    observations["metrics"] = metrics.render(parts).decode()
    erase_tenant_data(parts.store, life.tenant_id)
    observations["rows after erasure"] = life.rows()
    return observations


def main(database_url: str, redis_url: str) -> None:
    """Print the life of the new entities."""
    tables = migrate(database_url)
    parts = runtime.assemble(a_settings(), database_url=database_url, redis_url=redis_url)
    sys.stdout.write(json.dumps({"tables": tables, "entities": list(all_entities()), **observe(parts)}))
    parts.store.engine.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:])
