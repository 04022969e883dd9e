"""Older edits in a search index: it lags, or the site was restored from a backup.

The index can't tell which, so `store.upserts` keeps the stored rows, and the issues are read by their ids: that answer is
the site's present state, whatever its age.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import select, text

from app.catalog.registry import entity as entity_named
from app.ingest.planning import inbox
from app.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import TextClause

    from app.catalog.extract import Row
    from app.catalog.language import Entity
    from app.store.records import Applied
    from app.store.session import Session


def ask_again(session: Session, rows: Sequence[Row], results: Mapping[str, Applied], *, read_at: datetime) -> None:
    """Have the issues read by id that are stored with a later edit, or have a child that is, though they were read before.

    Call it behind the write of the rows, in its transaction. Rows that were all new have no stored edit.
    """
    rows_by_entity: dict[Entity, list[Row]] = {}
    for row in rows:
        if row.entity.updated is not None and results[row.entity.name].added < results[row.entity.name].offered:
            rows_by_entity.setdefault(row.entity, []).append(row)
    issue_ids: set[str] = set()
    for entity, entity_rows in rows_by_entity.items():
        query = _later_edits(entity).bindparams(
            ids=[row.id for row in entity_rows],
            edits=[row.values[str(entity.updated)] for row in entity_rows],
            read_at=read_at,
        )
        issue_ids |= set(session.execute(query).scalars())
    inbox.ask(session, sorted(issue_ids), origin=inbox.SWEEP)


def restored(session: Session, rows: Sequence[Row], *, read_at: datetime) -> set[str]:
    """The issues whose stored edit this write has replaced by an older one."""
    issue = entity_named("issue")
    table = table_of(issue)
    issue_ids = [row.id for row in rows if row.entity is issue]
    if not issue_ids:
        return set()
    query = select(table.c.id).where(
        table.c.id.in_(issue_ids), table.c.stepped_back_at == read_at, table.c.read_at == read_at
    )
    return set(session.execute(query).scalars())


@cache
def _later_edits(entity: Entity) -> TextClause:
    """The issues of stored rows with a later edit than these."""
    issue_id = "issue_id" if entity.belongs_to == "issue" else "id"
    return text(
        f"SELECT stored.{issue_id} FROM unnest(CAST(:ids AS text[]), CAST(:edits AS timestamptz[])) AS listed (id, edit)"  # noqa: S608 - our own names
        f" JOIN {table_of(entity).name} AS stored ON stored.id = listed.id"
        f' WHERE stored."{entity.updated}" > listed.edit AND stored.read_at < :read_at'
        " AND (stored.deleted_at IS NULL OR stored.deleted_at < :read_at)"
    )
