"""Recent failures and hourly throughput of one site.

Everything reads in a session bound to the tenant and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, or_, select

from app import clock
from app.catalog.language import Each
from app.catalog.registry import entity
from app.ingest.planning.inbox import WEBHOOK
from app.ingest.writing import unreadable
from app.store.schema import CHUNKS, INBOX
from app.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Row

    from app.conditions import Condition
    from app.store.session import Session

_LIMIT = 50
_MOST_PARTS = 500
_NAMED_KINDS = frozenset({"project", "board", "issue"})


@dataclass(frozen=True)
class Trouble:
    """A part of the site that failed, or waits after a failure."""

    entity: str
    scope: str
    """A project's or issue's key, or a board's name; empty: the whole site."""
    attempts: int
    problem: Condition | None


@dataclass(frozen=True)
class Hour:
    """One hour of a plot, UTC; None: no measurement."""

    start: datetime
    value: float | None


def troubles(session: Session) -> list[Trouble]:
    """Parts that failed, or wait after a failure, the latest first; 50 at most."""
    is_stopped = or_(CHUNKS.c.state == "failed", CHUNKS.c.problem.is_not(None))
    order = func.coalesce(CHUNKS.c.finished_at, CHUNKS.c.due_at).desc()
    return _named(session, session.execute(select(CHUNKS).where(is_stopped).order_by(order).limit(_LIMIT)).all())


@dataclass(frozen=True)
class UnreadablePart:
    """A part of the site that can't be had while the rest can; moments are UTC."""

    entity: str
    scope: str
    """Name of the project, board or issue, or of the object itself; empty: the whole site."""
    scope_id: str
    is_object: bool
    reason: Condition
    tries: int
    since: datetime
    retry_at: datetime


def unreadable_parts(session: Session) -> list[UnreadablePart]:
    """Parts that can't be had, oldest first; 500 at most."""
    parts = unreadable.listed(session, limit=_MOST_PARTS)
    ids_by_kind: dict[str, set[str]] = {}
    for part in parts:
        if part.scope_id:
            ids_by_kind.setdefault(_kind_of(part), set()).add(part.scope_id)
    names = {kind: _names(session, kind, ids) for kind, ids in ids_by_kind.items() if kind in _NAMED_KINDS}
    return [
        UnreadablePart(**vars(part), scope=names.get(_kind_of(part), {}).get(part.scope_id, part.scope_id))
        for part in parts
    ]


def _kind_of(part: unreadable.UnreadablePart) -> str:
    """The entity that a part's scope id belongs to."""
    return part.entity if part.is_object else _kind(part.entity)


def _named(session: Session, rows: Sequence[Row[Any]]) -> list[Trouble]:
    """Chunks with the names of their scopes."""
    ids_by_kind: dict[str, set[str]] = {}
    for row in rows:
        if row.scope_id:
            ids_by_kind.setdefault(_kind(row.entity), set()).add(row.scope_id)
    names = {kind: _names(session, kind, ids) for kind, ids in ids_by_kind.items()}
    return [
        Trouble(
            entity=row.entity,
            scope=names[_kind(row.entity)].get(row.scope_id, row.scope_id) if row.scope_id else "",
            attempts=row.attempts,
            problem=row.problem,
        )
        for row in rows
    ]


def _kind(name: str) -> str:
    """The entity of the scope of a walk."""
    walk = entity(name).walk
    kind = walk.each if walk else Each.SITE
    return {Each.PROJECT: "project", Each.BOARD: "board"}.get(kind, "issue")


def _names(session: Session, kind: str, ids: set[str]) -> dict[str, str]:
    table = table_of(entity(kind))
    name = table.c.name if kind == "board" else table.c.key
    return {
        row.id: row.name for row in session.execute(select(table.c.id, name.label("name")).where(table.c.id.in_(ids)))
    }


def throughput(session: Session, *, hours: int) -> list[Hour]:
    """Rows an hour read by walks, oldest hour first; 0 for hours without any."""
    hour = func.date_trunc("hour", CHUNKS.c.finished_at, "UTC")
    first = _first(hours)
    rows = session.execute(
        select(hour.label("start"), func.sum(CHUNKS.c.seen).label("value"))
        .where(CHUNKS.c.finished_at >= first)
        .group_by(hour)
    )
    values = {row.start: float(row.value) for row in rows}
    return [Hour(start, values.get(start, 0.0)) for start in _each_hour(first, hours)]


def freshness(session: Session, *, hours: int) -> list[Hour]:
    """Seconds from a webhook's arrival to its stored change, 95th percentile by hour; None for hours without any."""
    hour = func.date_trunc("hour", INBOX.c.received_at, "UTC")
    first = _first(hours)
    duration = func.extract("epoch", INBOX.c.done_at - INBOX.c.received_at)
    rows = session.execute(
        select(hour.label("start"), func.percentile_cont(0.95).within_group(duration).label("value"))
        .where(INBOX.c.received_at >= first, INBOX.c.done_at.is_not(None), INBOX.c.origin == WEBHOOK)
        .group_by(hour)
    )
    values = {row.start: float(row.value) for row in rows}
    return [Hour(start, values.get(start)) for start in _each_hour(first, hours)]


def _first(hours: int) -> datetime:
    now = clock.now().replace(minute=0, second=0, microsecond=0)
    return now - timedelta(hours=hours - 1)


def _each_hour(first: datetime, hours: int) -> list[datetime]:
    return [first + timedelta(hours=number) for number in range(hours)]
