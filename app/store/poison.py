"""Poison records and values, unreadable or impossible to store: their entity, the reason and a hash, never their content.

An entry with a row belongs to the object of that row, and ends when the object is read without the fault, or is deleted. One
without a row, of an object without an id, stays until everything is read again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ARRAY, Text, any_, delete, func, literal, select, text
from sqlalchemy.dialects.postgresql import insert

from app import ids
from app.store.schema import POISON
from app.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import CollectionAggregate
    from sqlalchemy import Row as StoredRow

    from app.catalog.extract import Fault, Row
    from app.catalog.language import Entity
    from app.conditions import Condition
    from app.store.session import Session

_LONGEST_ID = 500
_WRITTEN = ("entity", "reason", "digest", "column", "row_entity", "row_id")


@dataclass(frozen=True)
class Parked:
    """A poison record or value: its entity, the reason, and its SHA-256 in hexadecimal."""

    entity: str
    reason: Condition
    digest: str
    seen_at: datetime | None = None
    column: str | None = None
    """The column without its value; None: a whole row is missing."""
    row_entity: str | None = None
    row_id: str | None = None
    """The object with the fault."""

    @classmethod
    def of(cls, row: Row, fault: Fault) -> Parked:
        """The entry of a row's fault. An id that no index takes isn't kept."""
        is_kept = len(row.id) <= _LONGEST_ID
        entity, row_id = (row.entity.name, row.id) if is_kept else (None, None)
        return cls(fault.entity, fault.reason, fault.digest, None, fault.column, entity, row_id)


def park(session: Session, records: Iterable[Parked]) -> None:
    """Store poison records; one without a row is stored once."""
    rows = [
        {"tenant_id": session.tenant_id, "id": ids.new(), **{name: getattr(record, name) for name in _WRITTEN}}
        for record in records
    ]
    if rows:
        session.execute(insert(POISON).on_conflict_do_nothing(), rows)


def entities_with_faults(session: Session, names: Collection[str]) -> set[str]:
    """The entities among these with entries of rows."""
    query = text(
        "SELECT name FROM unnest(CAST(:names AS text[])) AS name"
        " WHERE EXISTS (SELECT FROM poison WHERE row_entity = name AND row_id IS NOT NULL)"
    )
    return set(session.execute(query, {"names": sorted(names)}).scalars())


def rows_with_faults(session: Session, entity: str, row_ids: Collection[str]) -> set[str]:
    """The rows among these with entries."""
    query = select(POISON.c.row_id).where(POISON.c.row_entity == entity, POISON.c.row_id == _any_of(row_ids))
    return set(session.execute(query.distinct()).scalars())


def replace(
    session: Session,
    entity: str,
    records: Mapping[str, Sequence[Parked]],
    *,
    silent_columns: Mapping[str, Collection[str]] | None = None,
) -> list[Parked]:
    """Replace the entries of one entity's rows, by row; an unchanged entry stays as it is. Returns the new ones.

    `silent_columns` are the columns by row with entries that stay, too.
    """
    outdated_ids = []
    missing = Counter(_identity(record) for row_id in records for record in records[row_id])
    new_records = {_identity(record): record for row_id in records for record in records[row_id]}
    query = select(POISON).where(POISON.c.row_entity == entity, POISON.c.row_id == _any_of(records))
    for row in session.execute(query):
        identity = _identity(row)
        if missing[identity] > 0:
            missing[identity] -= 1
        elif row.column not in (silent_columns or {}).get(row.row_id, ()):
            outdated_ids.append(row.id)
    if outdated_ids:
        session.execute(delete(POISON).where(POISON.c.id.in_(outdated_ids)))
    new_entries = [new_records[identity] for identity in missing.elements()]
    park(session, new_entries)
    return new_entries


def _identity(record: Parked | StoredRow[Any]) -> tuple[str | None, ...]:
    return record.row_id, record.entity, record.column, record.digest


def _any_of(values: Collection[str]) -> CollectionAggregate[Any]:
    return any_(literal(list(values), ARRAY(Text)))


def forget_buried(session: Session, entity: Entity) -> None:
    """Delete the entries of an entity's buried rows."""
    table = table_of(entity)
    is_buried = (table.c.id == POISON.c.row_id) & table.c.deleted_at.is_not(None)
    session.execute(delete(POISON).where(POISON.c.row_entity == entity.name, is_buried))


def newest(session: Session, limit: int) -> list[Parked]:
    """The bound tenant's entries, newest first; records before values."""
    query = select(*(POISON.c[name] for name in Parked.__dataclass_fields__))
    order = (POISON.c.column.is_not(None), POISON.c.seen_at.desc(), POISON.c.id)
    return [Parked(**row._asdict()) for row in session.execute(query.order_by(*order).limit(limit))]


def count(session: Session, entity: str | None = None) -> int:
    """The number of the bound tenant's poison records, of one entity or of all."""
    query = select(func.count()).select_from(POISON).where(POISON.c.column.is_(None))
    return int(session.execute(query.where(POISON.c.entity == entity) if entity else query).scalar_one())


def count_values(session: Session) -> int:
    """The number of the bound tenant's values that are left out of their rows."""
    query = select(func.count()).select_from(POISON).where(POISON.c.column.is_not(None))
    return int(session.execute(query).scalar_one())


def forget(session: Session) -> None:
    """Delete the bound tenant's entries, before everything is read again."""
    session.execute(delete(POISON))
