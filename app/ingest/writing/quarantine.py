"""Quarantine: finds the rows that the database refuses, so one bad record doesn't block a page.

A readable record may still not fit: an id too long for an index, for example. PostgreSQL doesn't tell the row, so the page
is tried in halves, in transactions that are rolled back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from app.conditions import Code, Condition
from app.ingest.writing.page import digest_of
from app.store import records
from app.store.poison import Parked
from app.store.session import StoreFault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from uuid import UUID

    from app.catalog.extract import Row
    from app.ingest.writing.page import ParsedPage
    from app.store.session import Store

_SHOWN_LENGTH = 40
"""Characters of an id in a reason."""


class _UndoneError(Exception):
    """Ends a trial transaction."""


def quarantine(store: Store, tenant_id: UUID, parsed_page: ParsedPage, *, read_at: datetime) -> ParsedPage:
    """The page without refused rows, which become poison records. Raises StoreFault where no single row is at fault."""
    refusals = list(_refused(store, tenant_id, parsed_page.rows, read_at))
    if not refusals:
        raise StoreFault("no row of it alone")
    bad = {(row.entity.name, row.id) for row, _ in refusals}
    return replace(
        parsed_page,
        rows=[row for row in parsed_page.rows if (row.entity.name, row.id) not in bad],
        top_ups=[top_up for top_up in parsed_page.top_ups if (parsed_page.entity.name, top_up.parent_id) not in bad],
        poison=[*parsed_page.poison, *(_parked(row, fault) for row, fault in refusals)],
    )


def _refused(store: Store, tenant_id: UUID, rows: Sequence[Row], read_at: datetime) -> Iterator[tuple[Row, StoreFault]]:
    try:
        with store.bound_to(tenant_id) as session:
            records.apply(session, rows, read_at=read_at)
            raise _UndoneError
    except _UndoneError:
        return
    except StoreFault as fault:
        if len(rows) == 1:
            yield rows[0], fault
            return
    middle = len(rows) // 2
    yield from _refused(store, tenant_id, rows[:middle], read_at)
    yield from _refused(store, tenant_id, rows[middle:], read_at)


def _parked(row: Row, fault: StoreFault) -> Parked:
    label = row.id if len(row.id) <= _SHOWN_LENGTH else f"{row.id[:_SHOWN_LENGTH]}…"
    reason = Condition(Code.ROW_REFUSED, entity=row.entity.name, id=label, fault=str(fault))
    return Parked(row.entity.name, reason, digest_of(dict(row.values)))
