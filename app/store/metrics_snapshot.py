"""How everything stands, over all tenants, for the operator's metrics; counts only, nobody's data."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, true

from app import clock
from app.store.schema import CHUNKS, COMPLETENESS, INBOX, INTEGRATIONS, POISON, TALLIES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from datetime import datetime

    from sqlalchemy import Column

    from app.store.session import Session


@dataclass(frozen=True)
class Pulse:
    """Counts, and the age in seconds of the oldest thing that waits; 0 where nothing does."""

    integrations: dict[str, int]
    chunks: dict[str, int]
    rows: dict[str, int]
    deliveries_waiting: int
    poison: int
    oldest_chunk: float
    oldest_delivery: float
    stalest_integration: float
    """Seconds since the healthy integration that was fed longest ago."""
    completeness: Completeness


@dataclass(frozen=True)
class Completeness:
    """What the last verification of each integration that workers pull for found."""

    integrations: dict[str, int]
    """How many were found `complete`, how many `incomplete`."""
    missing: dict[str, int]
    """Rows that the sites have and we have not, by entity."""
    surplus: dict[str, int]
    """Rows that we have and the sites have not, by entity; without those that wait for a second look."""
    oldest: float
    """Seconds since the verification that is longest ago."""


def take(session: Session, *, working: Collection[str]) -> Pulse:
    """Take the pulse; an unrestricted session's business."""
    now = clock.now()

    def age(moment: datetime | None) -> float:
        return max(0.0, (now - moment).total_seconds()) if moment else 0.0

    deliveries: Any = session.execute(
        select(func.count(), func.min(INBOX.c.received_at)).where(INBOX.c.done_at.is_(None))
    ).one()
    oldest_chunk = select(func.min(CHUNKS.c.due_at)).where(CHUNKS.c.state == "waiting", CHUNKS.c.due_at <= now)
    stalest = select(func.min(INTEGRATIONS.c.last_ingested_at)).where(INTEGRATIONS.c.state == "healthy")
    return Pulse(
        integrations=_counted(session, INTEGRATIONS.c.state),
        chunks=_counted(session, CHUNKS.c.state),
        rows=_by_name(session.execute(select(TALLIES.c.entity, func.sum(TALLIES.c.live)).group_by(TALLIES.c.entity))),
        deliveries_waiting=deliveries[0],
        poison=session.execute(select(func.count()).select_from(POISON)).scalar_one(),
        oldest_chunk=age(session.execute(oldest_chunk).scalar_one()),
        oldest_delivery=age(deliveries[1]),
        stalest_integration=age(session.execute(stalest).scalar_one()),
        completeness=_completeness(session, working, age),
    )


def _completeness(session: Session, working: Collection[str], age: Callable[[datetime | None], float]) -> Completeness:
    of_it = COMPLETENESS.c.tenant_id == INTEGRATIONS.c.tenant_id
    last = select(func.max(COMPLETENESS.c.verified_at).label("at")).where(of_it).correlate(INTEGRATIONS).lateral()
    difference = COMPLETENESS.c.stored - COMPLETENESS.c.suspected - COMPLETENESS.c.expected
    rows: Any = session.execute(
        select(
            INTEGRATIONS.c.tenant_id,
            COMPLETENESS.c.entity,
            func.sum(func.greatest(-difference, 0)).label("missing"),
            func.sum(func.greatest(difference, 0)).label("surplus"),
            func.bool_and(COMPLETENESS.c.is_complete).label("is_complete"),
            func.min(COMPLETENESS.c.verified_at).label("at"),
        )
        .select_from(INTEGRATIONS)
        .join(last, true())
        .join(COMPLETENESS, of_it & (COMPLETENESS.c.verified_at == last.c.at))
        .where(INTEGRATIONS.c.state.in_(working))
        .group_by(INTEGRATIONS.c.tenant_id, COMPLETENESS.c.entity)
    ).all()
    verified = {row.tenant_id for row in rows}
    incomplete = {row.tenant_id for row in rows if not row.is_complete}
    missing, surplus = Counter[str](), Counter[str]()
    for row in rows:
        missing[row.entity] += int(row.missing)
        surplus[row.entity] += int(row.surplus)
    return Completeness(
        integrations={"complete": len(verified - incomplete), "incomplete": len(incomplete)},
        missing=missing,
        surplus=surplus,
        oldest=age(min((row.at for row in rows), default=None)),
    )


def _counted(session: Session, state: Column[Any]) -> dict[str, int]:
    return _by_name(session.execute(select(state, func.count()).group_by(state)))


def _by_name(rows: Iterable[Any]) -> dict[str, int]:
    return {str(row[0]): int(row[1]) for row in rows}
