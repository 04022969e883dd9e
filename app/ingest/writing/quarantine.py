"""Quarantine: finds the values and rows that the database refuses, so one bad value doesn't block a page.

A readable value may still not fit: a key too long for an index, for example. PostgreSQL doesn't tell the row or the column,
so the page is tried in halves, and then the columns of each refused row, in savepoints that are rolled back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app import ids
from app.catalog.conversion import digest_of
from app.catalog.extract import Fault, Row, value_fault
from app.conditions import Code, Condition
from app.ingest.writing.page import write_page
from app.store import records
from app.store.poison import Parked
from app.store.session import StoreFault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from uuid import UUID

    from app.ingest.writing.page import ParsedPage, WriteResult
    from app.store.session import Session, Store


class _UndoneError(Exception):
    """Ends a trial."""


def write_accepted(session: Session, parsed_page: ParsedPage, *, read_at: datetime) -> WriteResult:
    """Store a page in the caller's transaction, without the values that the database refuses.

    For small pages: a savepoint costs two statements.
    """
    try:
        with session.savepoint():
            return write_page(session, parsed_page, read_at=read_at)
    except StoreFault:
        return write_page(session, _accepted_part(session, parsed_page, read_at), read_at=read_at)


def quarantine(store: Store, tenant_id: UUID, parsed_page: ParsedPage, *, read_at: datetime) -> ParsedPage:
    """The page without refused values and stubs; a row that is refused as a whole becomes a poison record.

    Raises StoreFault where no single row is at fault.
    """
    with store.bound_to(tenant_id) as session:
        return _accepted_part(session, parsed_page, read_at)


def _accepted_part(session: Session, parsed_page: ParsedPage, read_at: datetime) -> ParsedPage:
    trial = _Trial(session, read_at)
    refusals = list(trial.refused_rows(parsed_page.rows))
    if not refusals and parsed_page.mentions:
        return replace(parsed_page, mentions={})
    if not refusals:
        raise StoreFault("no row of it alone")
    replacements = {id(row): trial.without_refused_values(row) for row, _ in refusals}
    lost = [(row, fault) for row, fault in refusals if replacements[id(row)] is None]
    lost_keys = {(row.entity.name, row.id) for row, _ in lost}
    rows = [replacements.get(id(row), row) for row in parsed_page.rows]
    return replace(
        parsed_page,
        rows=[row for row in rows if row is not None and (row.entity.name, row.id) not in lost_keys],
        top_ups=[
            top_up for top_up in parsed_page.top_ups if (parsed_page.entity.name, top_up.parent_id) not in lost_keys
        ],
        mentions={},
        poison=[*parsed_page.poison, *(_parked(row, fault) for row, fault in lost)],
    )


@dataclass(frozen=True)
class _Trial:
    """Tries rows within one transaction; nothing of them stays."""

    session: Session
    read_at: datetime

    def fault_of(self, rows: Sequence[Row]) -> StoreFault | None:
        """The database's refusal of rows."""
        try:
            with self.session.savepoint():
                records.apply(self.session, rows, read_at=self.read_at)
                raise _UndoneError
        except _UndoneError:
            return None
        except StoreFault as fault:
            return fault

    def refused_rows(self, rows: Sequence[Row]) -> Iterator[tuple[Row, StoreFault]]:
        """The rows that are refused alone."""
        fault = self.fault_of(rows)
        if fault is None:
            return
        if len(rows) == 1:
            yield rows[0], fault
            return
        middle = len(rows) // 2
        yield from self.refused_rows(rows[:middle])
        yield from self.refused_rows(rows[middle:])

    def without_refused_values(self, row: Row) -> Row | None:
        """The row with null for each value that is refused alone; None where the row is refused nonetheless."""
        values, faults = dict(row.values), []
        for name, refusal in self._refused_values(row, [name for name, value in values.items() if value is not None]):
            digest = digest_of(values[name])
            faults.append(value_fault(row, name, Code.VALUE_REFUSED, digest, fault=str(refusal)))
            values[name] = None
        rest = Row(row.entity, row.id, values, (*row.faults, *faults))
        return rest if faults and self.fault_of([rest]) is None else None

    def _refused_values(self, row: Row, names: Sequence[str]) -> Iterator[tuple[str, StoreFault]]:
        """The columns of a row, among those named, with values that are refused alone, in a row of another id."""
        values = dict.fromkeys(row.values) | {name: row.values[name] for name in names}
        fault = self.fault_of([Row(row.entity, str(ids.new()), values)])
        if fault is None:
            return
        if len(names) <= 1:
            yield from ((name, fault) for name in names)
            return
        middle = len(names) // 2
        yield from self._refused_values(row, names[:middle])
        yield from self._refused_values(row, names[middle:])


def _parked(row: Row, fault: StoreFault) -> Parked:
    reason = Condition(Code.ROW_REFUSED, entity=row.entity.name, id=row.label, fault=str(fault))
    return Parked.of(row, Fault(row.entity.name, None, reason, digest_of(dict(row.values))))
