"""Rows missing from a complete list are deleted; a link is deleted with either end."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from app import clock
from app.catalog.field_policy import FieldPolicy
from app.catalog.registry import entity
from app.ingest.writing.page import parse_page, write_page
from app.store import records
from app.store.tables import table_of
from tests.factories import a_paired_site

if TYPE_CHECKING:
    from uuid import UUID

    from app.catalog.json_value import Json
    from app.runtime import Runtime

COMMENT, LINK = entity("comment"), entity("issue_link")


def live(parts: Runtime, tenant_id: UUID, name: str) -> set[str]:
    table = table_of(entity(name))
    with parts.store.bound_to(tenant_id) as session:
        return set(session.execute(select(table.c.id).where(table.c.deleted_at.is_(None))).scalars())


def store_list(parts: Runtime, tenant_id: UUID, issue_id: str, *ids: str, whole: bool) -> None:
    bodies: list[Json] = [{"id": row_id, "updated": "2026-11-24T12:00:00.000+0000"} for row_id in ids]
    page = parse_page(COMMENT, bodies, FieldPolicy(), issue_id)
    if whole:
        page.complete_lists[COMMENT] = {issue_id: [row.id for row in page.rows]}
    with parts.store.bound_to(tenant_id) as session:
        write_page(session, page, read_at=clock.now())


def test_what_is_no_longer_on_a_whole_list_was_deleted(parts: Runtime) -> None:
    tenant_id = a_paired_site(parts)[0].tenant_id
    store_list(parts, tenant_id, "10001", "1", "2", "3", whole=True)
    store_list(parts, tenant_id, "10002", "9", whole=True)
    store_list(parts, tenant_id, "10001", "2", whole=False)
    assert live(parts, tenant_id, "comment") == {"1", "2", "3", "9"}
    store_list(parts, tenant_id, "10001", "2", whole=True)
    assert live(parts, tenant_id, "comment") == {"2", "9"}


def test_a_link_goes_with_either_end(parts: Runtime) -> None:
    tenant_id = a_paired_site(parts)[0].tenant_id
    bodies: list[Json] = [
        {"id": "1", "type": {"id": "7"}, "outwardIssue": {"id": "10002"}},
        {"id": "2", "type": {"id": "7"}, "outwardIssue": {"id": "10003"}},
    ]
    with parts.store.bound_to(tenant_id) as session:
        write_page(session, parse_page(LINK, bodies, FieldPolicy(), "10001"), read_at=clock.now())
    later_time = clock.now() + timedelta(seconds=1)
    with parts.store.bound_to(tenant_id) as session:
        records.bury(session, entity("issue"), ["10002"], at=later_time, because="deleted")
    assert live(parts, tenant_id, "issue_link") == {"2"}
