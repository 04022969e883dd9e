"""Entries of unreadable records and of single values that a page leaves out.

A row that is read again without its faults loses their entries. A row that is older than the stored one changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from app import logs
from app.catalog.registry import entity as entity_of
from app.catalog.versions import merge
from app.store import poison
from app.store.poison import Parked
from app.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from app.catalog.extract import Row
    from app.store.session import Session

log = logs.get(__name__)


def settle(session: Session, rows: Sequence[Row], refusals: Sequence[Parked], *, read_at: datetime) -> None:
    """Store the faults of a page's rows and its refused records, and drop the entries of healed rows.

    Call it behind the write of the rows, under the write lock.
    """
    new_entries = [record for record in refusals if record.row_id is None]
    poison.park(session, new_entries)
    for name, row_by_id in _rows_to_settle(session, rows).items():
        overtaken_ids = _overtaken(session, name, row_by_id, read_at)
        current_rows = [row for row in row_by_id.values() if row.id not in overtaken_ids]
        entries = {row.id: [Parked.of(row, fault) for fault in row.faults] for row in current_rows}
        silent_columns = {row.id: _silent_columns(row) for row in current_rows if row.entity.partial}
        new_entries += poison.replace(session, name, entries, silent_columns=silent_columns)
    for record in refusals:
        if record.row_entity is not None and record.row_id is not None:
            new_entries += poison.replace(session, record.row_entity, {record.row_id: [record]})
    for entry in new_entries:
        event = "value left out" if entry.column else "record parked"
        log.warning(event, entity=entry.entity, reason=str(entry.reason), digest=entry.digest)


def _rows_to_settle(session: Session, rows: Sequence[Row]) -> Mapping[str, dict[str, Row]]:
    """The rows with faults and those with entries of earlier faults, by entity and id, versions of one object merged."""
    ids_by_entity: dict[str, set[str]] = {}
    for row in rows:
        if row.faults:
            ids_by_entity.setdefault(row.entity.name, set()).add(row.id)
    for name in poison.entities_with_faults(session, {row.entity.name for row in rows}):
        row_ids = {row.id for row in rows if row.entity.name == name}
        ids_by_entity.setdefault(name, set()).update(poison.rows_with_faults(session, name, row_ids))
    merged_rows: dict[str, dict[str, Row]] = {name: {} for name in ids_by_entity}
    for row in rows if ids_by_entity else ():
        if row.id in ids_by_entity.get(row.entity.name, ()):
            row_by_id = merged_rows[row.entity.name]
            row_by_id[row.id] = merge(row_by_id[row.id], row) if row.id in row_by_id else row
    return merged_rows


def _overtaken(session: Session, name: str, rows: Mapping[str, Row], read_at: datetime) -> set[str]:
    """The rows with a stored version that is newer than this one."""
    table, order_column = table_of(entity_of(name)), entity_of(name).updated
    columns = [table.c.id, table.c.read_at, *([table.c[order_column].label("updated")] if order_column else [])]
    overtaken_ids = set()
    for stored_row in session.execute(select(*columns).where(table.c.id.in_(rows))):
        read_time: Any = rows[stored_row.id].values[order_column] if order_column else None
        stored_time = stored_row.updated if order_column else None
        if stored_time is None or read_time is None or stored_time == read_time:
            is_overtaken = stored_row.read_at > read_at
        else:
            is_overtaken = stored_time > read_time
        if is_overtaken:
            overtaken_ids.add(stored_row.id)
    return overtaken_ids


def _silent_columns(row: Row) -> set[str]:
    """The columns that a fragment of an object is silent about: an absent value there heals nothing."""
    faulty_columns = {fault.column for fault in row.faults}
    return {name for name, value in row.values.items() if value is None and name not in faulty_columns}
