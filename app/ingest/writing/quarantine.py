"""Finds the rows that the database refuses, so that one bad record does not keep a page from being stored.

What `extract` can read may still not fit: an id that no index takes, say. Which row it was, PostgreSQL does not tell; so
the page is tried in halves, in transactions that are undone.
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

_SHOWN = 40
"""Signs of an id that are quoted."""


class _UndoneError(Exception):
    """Ends a transaction that was only a trial."""


def quarantine(store: Store, tenant_id: UUID, parsed: ParsedPage, *, read_at: datetime) -> ParsedPage:
    """The haul without the rows that the database refuses; these are parked. Raises StoreFault where none alone is."""
    refused = list(_refused(store, tenant_id, parsed.rows, read_at))
    if not refused:
        raise StoreFault("no row of it alone")
    bad = {(row.entity.name, row.id) for row, _ in refused}
    return replace(
        parsed,
        rows=[row for row in parsed.rows if (row.entity.name, row.id) not in bad],
        top_ups=[each for each in parsed.top_ups if (parsed.entity.name, each.parent_id) not in bad],
        poison=[*parsed.poison, *(_parked(row, fault) for row, fault in refused)],
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
    shown = row.id if len(row.id) <= _SHOWN else f"{row.id[:_SHOWN]}…"
    reason = Condition(Code.ROW_REFUSED, entity=row.entity.name, id=shown, fault=str(fault))
    return Parked(row.entity.name, reason, digest_of(dict(row.values)))
