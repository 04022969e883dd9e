"""A value that can't be kept is null and told, once, until its row is read without the fault or deleted."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, text

from app import clock
from app.catalog.registry import all_entities, entity
from app.conditions import Code
from app.ingest.drift import list_refresh
from app.ingest.drift.list_refresh import ListRead
from app.ingest.writing.page import parse_page, write_page
from app.ingest.writing.quarantine import quarantine
from app.store import metrics_snapshot, poison, records
from app.store.session import StoreFault
from app.store.tables import table_of
from app.web.api.integrations import progress_of
from tests.factories import a_paired_site
from tests.unit.catalog.recorded import SITE

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from app.catalog.json_value import Json
    from app.integrations.model import Integration
    from app.runtime import Runtime
    from app.store.poison import Parked

EDIT, LATER_EDIT = "2026-11-24T12:00:00.000+0000", "2026-11-24T12:05:00.000+0000"
SECRET = "20222-secret"
LONG = "".join(f"{number:x}" for number in range(4000))
"""Text that no index of PostgreSQL takes."""


@pytest.fixture
def paired(parts: Runtime) -> tuple[UUID, Integration]:
    site, integration = a_paired_site(parts)
    return site.tenant_id, integration


def an_issue(*, edit: Json = EDIT, **fields: Json) -> Json:
    return {"id": "1", "key": "ABC-1", "fields": {"updated": edit, **fields}}


def store_issue(parts: Runtime, tenant_id: UUID, issue: Json, at: datetime | None = None, name: str = "issue") -> None:
    with parts.store.bound_to(tenant_id) as session:
        write_page(session, parse_page(entity(name), [issue], SITE, None), read_at=at or clock.now())


def entries(parts: Runtime, tenant_id: UUID) -> list[Parked]:
    with parts.store.bound_to(tenant_id) as session:
        return poison.newest(session, 100)


def stored_value(parts: Runtime, tenant_id: UUID, column: str, name: str = "issue") -> Any:
    with parts.store.bound_to(tenant_id) as session:
        return session.execute(select(table_of(entity(name)).c[column])).scalar_one()


def test_bad_value_is_told_once_and_its_row_stays(parts: Runtime, paired: tuple[UUID, Integration]) -> None:
    tenant_id, integration = paired
    comments: Json = {"comments": [{"id": "7"}, "text"], "total": 2}
    for _ in range(3):
        store_issue(parts, tenant_id, an_issue(duedate=SECRET, summary="Kept", comment=comments))
    assert (stored_value(parts, tenant_id, "summary"), stored_value(parts, tenant_id, "due")) == ("Kept", None)
    assert stored_value(parts, tenant_id, "id", "comment") == "7"

    progress = progress_of(parts, integration)
    assert (progress.parked_total, progress.values_left_out) == (1, 1)
    record, value = progress.parked
    assert (record.entity, record.column, record.row_entity, record.row_id) == ("comment", None, "issue", "1")
    assert (value.entity, value.column, value.row_id, value.reason_code) == ("issue", "due", "1", Code.VALUE_NOT_DATE)
    assert value.reason == "value left out: due date of issue ABC-1, not a date"
    with parts.store.unrestricted_unsafe() as session:
        snapshot = metrics_snapshot.take(session, states=["healthy"])
    assert snapshot.values_left_out >= 1


@pytest.mark.parametrize("due", ["2025-03-09", None])
def test_entry_ends_with_a_reading_without_the_fault(
    parts: Runtime, paired: tuple[UUID, Integration], due: Json
) -> None:
    tenant_id, _ = paired
    store_issue(parts, tenant_id, an_issue(duedate=SECRET, timeestimate="2h", comment={"comments": ["text"]}))
    assert len(entries(parts, tenant_id)) == 3
    store_issue(parts, tenant_id, an_issue(duedate=due, timeestimate="2h", comment={"comments": []}))
    assert [entry.column for entry in entries(parts, tenant_id)] == ["time_remaining_seconds"]


def test_unchanged_entry_keeps_its_time(parts: Runtime, paired: tuple[UUID, Integration]) -> None:
    tenant_id, _ = paired
    store_issue(parts, tenant_id, an_issue(duedate=SECRET))
    before = entries(parts, tenant_id)
    store_issue(parts, tenant_id, an_issue(duedate=SECRET, edit=LATER_EDIT))
    assert entries(parts, tenant_id) == before


def test_older_reading_neither_heals_nor_spoils(parts: Runtime, paired: tuple[UUID, Integration]) -> None:
    tenant_id, _ = paired
    before = clock.now() - timedelta(seconds=1)
    store_issue(parts, tenant_id, an_issue(duedate=SECRET, edit=LATER_EDIT))
    store_issue(parts, tenant_id, an_issue(duedate="2025-03-09"), before)
    assert [entry.column for entry in entries(parts, tenant_id)] == ["due"]
    store_issue(parts, tenant_id, an_issue(duedate="2025-03-09", edit=LATER_EDIT))
    store_issue(parts, tenant_id, an_issue(duedate=SECRET), before)
    assert entries(parts, tenant_id) == []


def test_reading_of_a_restored_site_brings_its_own_faults(parts: Runtime, paired: tuple[UUID, Integration]) -> None:
    tenant_id, _ = paired
    store_issue(parts, tenant_id, an_issue(duedate="2025-03-09", edit=LATER_EDIT))
    store_issue(parts, tenant_id, an_issue(duedate=SECRET))
    assert [entry.column for entry in entries(parts, tenant_id)] == ["due"]
    store_issue(parts, tenant_id, an_issue(duedate="2025-03-09"))
    assert entries(parts, tenant_id) == []


def test_entry_ends_with_its_row(parts: Runtime, paired: tuple[UUID, Integration]) -> None:
    tenant_id, _ = paired
    comments: Json = {"comments": [{"id": "7", "created": "?"}], "total": 1}
    store_issue(parts, tenant_id, an_issue(duedate=SECRET, comment=comments))
    assert len(entries(parts, tenant_id)) == 2
    with parts.store.bound_to(tenant_id) as session:
        records.bury(session, entity("issue"), ["1"], at=clock.now() + timedelta(seconds=1), because="deleted")
    assert entries(parts, tenant_id) == []


def test_entry_ends_with_a_child_that_left_its_list(parts: Runtime, paired: tuple[UUID, Integration]) -> None:
    tenant_id, _ = paired
    store_issue(parts, tenant_id, an_issue(comment={"comments": [{"id": "7", "created": "?"}], "total": 1}))
    assert len(entries(parts, tenant_id)) == 1
    at = clock.now() + timedelta(seconds=1)
    store_issue(parts, tenant_id, an_issue(comment={"comments": [], "total": 0}, edit=LATER_EDIT), at)
    assert entries(parts, tenant_id) == []


def test_row_with_an_unreadable_time_of_edit_is_stored_by_the_time_of_its_read(
    parts: Runtime, paired: tuple[UUID, Integration]
) -> None:
    tenant_id, _ = paired
    store_issue(parts, tenant_id, an_issue(summary="Old"))
    store_issue(parts, tenant_id, an_issue(summary="New", edit="soon"))
    assert stored_value(parts, tenant_id, "summary") == "New"
    assert [entry.column for entry in entries(parts, tenant_id)] == ["updated"]


def test_fragment_without_the_field_heals_nothing(parts: Runtime, paired: tuple[UUID, Integration]) -> None:
    tenant_id, _ = paired
    store_issue(parts, tenant_id, {"accountId": "a", "timeZone": ["Europe/Berlin"], "active": True}, name="user")
    store_issue(parts, tenant_id, {"accountId": "a", "active": True}, name="user")
    assert [entry.column for entry in entries(parts, tenant_id)] == ["time_zone"]
    store_issue(parts, tenant_id, {"accountId": "a", "timeZone": "Europe/Berlin"}, name="user")
    assert entries(parts, tenant_id) == []


def test_value_that_the_database_refuses_costs_its_column(parts: Runtime, paired: tuple[UUID, Integration]) -> None:
    tenant_id, _ = paired
    issue = an_issue(summary="Kept", project={"id": LONG, "key": "ABC"}, duedate="2025-03-09")
    parsed_page = parse_page(entity("issue"), [issue], SITE, None)
    at = clock.now()
    with pytest.raises(StoreFault), parts.store.bound_to(tenant_id) as session:
        write_page(session, parsed_page, read_at=at)
    accepted_page = quarantine(parts.store, tenant_id, parsed_page, read_at=at)
    with parts.store.bound_to(tenant_id) as session:
        write_page(session, accepted_page, read_at=at)
    assert [stored_value(parts, tenant_id, name) for name in ("summary", "project_key", "project_id")] == [
        "Kept",
        "ABC",
        None,
    ]
    (entry,) = entries(parts, tenant_id)
    assert (entry.column, entry.reason.code) == ("project_id", Code.VALUE_REFUSED)


def test_nothing_of_a_value_is_stored(parts: Runtime, paired: tuple[UUID, Integration]) -> None:
    tenant_id, _ = paired
    store_issue(parts, tenant_id, an_issue(duedate=SECRET, timeestimate=SECRET, summary=[SECRET], comment=[SECRET]))
    assert len(entries(parts, tenant_id)) == 5
    with parts.store.bound_to(tenant_id) as session:
        for name in ("poison", *(f"jira_{name}" for name in all_entities())):
            rows = session.execute(text(f"SELECT CAST({name}.* AS text) FROM {name}")).scalars().all()
            assert not [row for row in rows if SECRET in row], name


def test_list_with_a_value_that_the_database_refuses_is_stored_without_it(
    parts: Runtime, paired: tuple[UUID, Integration]
) -> None:
    tenant_id, _ = paired
    bodies: list[Json] = [{"id": "8", "name": "Good"}, {"id": "9", "name": "Odd", "projectId": LONG}]
    with parts.store.bound_to(tenant_id) as session:
        list_read = ListRead(entity("version"), "", clock.now(), bodies)
        assert list_refresh.keep(session, list_read, SITE) == 2
    with parts.store.bound_to(tenant_id) as session:
        table = table_of(entity("version"))
        rows = session.execute(select(table.c.name, table.c.project_id).order_by(table.c.id)).all()
    assert [tuple(row) for row in rows] == [("Good", None), ("Odd", None)]
    assert [entry.reason.code for entry in entries(parts, tenant_id)] == [Code.VALUE_REFUSED]
