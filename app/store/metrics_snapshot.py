"""A snapshot over all tenants, for the operator's metrics: counts only, no tenant's data."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, true

from app import clock
from app.store.schema import CHUNKS, COMPLETENESS, CREDENTIALS, INBOX, INTEGRATIONS, POISON
from app.store.sync_tables import TALLIES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from datetime import datetime

    from sqlalchemy import Column

    from app.store.session import Session


@dataclass(frozen=True)
class Snapshot:
    """Counts, and the age in seconds of the oldest waiting work; 0 where nothing waits."""

    integrations: dict[str, int]
    chunks: dict[str, int]
    rows: dict[str, int]
    deliveries_waiting: int
    poison: int
    values_left_out: int
    oldest_chunk: float
    oldest_delivery: float
    stalest_integration: float
    """Seconds since the last rows of the healthy integration with the oldest ones."""
    completeness: Completeness
    tokens_ending: dict[str, int]
    """API tokens of working integrations that end within so many days."""


@dataclass(frozen=True)
class Completeness:
    """Results of the last verification of each working integration."""

    integrations: dict[str, int]
    """Integrations by result, `complete` or `incomplete`."""
    missing_rows: dict[str, int]
    """Rows of the sites, but missing here, by entity."""
    surplus_rows: dict[str, int]
    """Rows here, but missing on the sites, by entity, without those under a second look."""
    oldest: float
    """Seconds since the oldest of these verifications."""


def take(session: Session, *, states: Collection[str]) -> Snapshot:
    """Take a snapshot; `states` are those of working integrations. Needs an unrestricted session."""
    now = clock.now()

    def age(moment: datetime | None) -> float:
        return max(0.0, (now - moment).total_seconds()) if moment else 0.0

    deliveries: Any = session.execute(
        select(func.count(), func.min(INBOX.c.received_at)).where(INBOX.c.done_at.is_(None))
    ).one()
    records_and_values: Any = session.execute(
        select(func.count().label("entries"), func.count().filter(POISON.c.column.is_(None)).label("records"))
    ).one()
    oldest_chunk = select(func.min(CHUNKS.c.due_at)).where(CHUNKS.c.state == "waiting", CHUNKS.c.due_at <= now)
    stalest = select(func.min(INTEGRATIONS.c.last_ingested_at)).where(INTEGRATIONS.c.state == "healthy")
    return Snapshot(
        integrations=_counted(session, INTEGRATIONS.c.state),
        chunks=_counted(session, CHUNKS.c.state),
        rows=_by_name(session.execute(select(TALLIES.c.entity, func.sum(TALLIES.c.live)).group_by(TALLIES.c.entity))),
        deliveries_waiting=deliveries[0],
        poison=records_and_values.records,
        values_left_out=records_and_values.entries - records_and_values.records,
        oldest_chunk=age(session.execute(oldest_chunk).scalar_one()),
        oldest_delivery=age(deliveries[1]),
        stalest_integration=age(session.execute(stalest).scalar_one()),
        completeness=_completeness(session, states, age),
        tokens_ending=_tokens_ending(session, states, now),
    )


_WARNING_DAYS = (30, 7, 1)


def _tokens_ending(session: Session, states: Collection[str], now: datetime) -> dict[str, int]:
    ends = CREDENTIALS.c.expires_at
    counts = [func.count().filter(ends <= now + timedelta(days=days)).label(str(days)) for days in _WARNING_DAYS]
    is_working = (INTEGRATIONS.c.tenant_id == CREDENTIALS.c.tenant_id) & INTEGRATIONS.c.state.in_(states)
    row = session.execute(select(*counts).select_from(CREDENTIALS).join(INTEGRATIONS, is_working)).one()
    return {name: int(count) for name, count in row._asdict().items()}


def _completeness(session: Session, states: Collection[str], age: Callable[[datetime | None], float]) -> Completeness:
    matches_tenant = COMPLETENESS.c.tenant_id == INTEGRATIONS.c.tenant_id
    last = (
        select(func.max(COMPLETENESS.c.verified_at).label("at")).where(matches_tenant).correlate(INTEGRATIONS).lateral()
    )
    readable = COMPLETENESS.c.stored - COMPLETENESS.c.suspected + COMPLETENESS.c.unreadable
    difference = readable - COMPLETENESS.c.expected
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
        .join(COMPLETENESS, matches_tenant & (COMPLETENESS.c.verified_at == last.c.at))
        .where(INTEGRATIONS.c.state.in_(states))
        .group_by(INTEGRATIONS.c.tenant_id, COMPLETENESS.c.entity)
    ).all()
    verified_tenants = {row.tenant_id for row in rows}
    incomplete_tenants = {row.tenant_id for row in rows if not row.is_complete}
    missing_rows, surplus_rows = Counter[str](), Counter[str]()
    for row in rows:
        missing_rows[row.entity] += int(row.missing)
        surplus_rows[row.entity] += int(row.surplus)
    return Completeness(
        integrations={"complete": len(verified_tenants - incomplete_tenants), "incomplete": len(incomplete_tenants)},
        missing_rows=missing_rows,
        surplus_rows=surplus_rows,
        oldest=age(min((row.at for row in rows), default=None)),
    )


def _counted(session: Session, state: Column[Any]) -> dict[str, int]:
    return _by_name(session.execute(select(state, func.count()).group_by(state)))


def _by_name(rows: Iterable[Any]) -> dict[str, int]:
    return {str(row[0]): int(row[1]) for row in rows}
