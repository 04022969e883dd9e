"""Search for work without a job: jobs are hints and may be lost, the work itself stands in PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, false, func, or_, select, update

from app import clock
from app.ingest.planning.inbox import is_own
from app.ingest.proof import state
from app.integrations.ledger import WORKING_STATES
from app.integrations.model import State
from app.store import activity, claims
from app.store.schema import CHUNKS, COMPLETENESS, CREDENTIALS, INBOX, INTEGRATIONS, TENANTS
from app.store.sync_tables import TALLIES
from app.tenants.depart import GRACE

if TYPE_CHECKING:
    from uuid import UUID

    from app.store.session import Session


_DELIVERY_AGE, _FINDING_AGE = timedelta(days=7), timedelta(days=90)


@dataclass(frozen=True)
class DueWork:
    """Waiting work of one tenant."""

    tenant_id: UUID
    chunks: int
    deliveries: int
    rereads: int
    is_unverified: bool
    is_unplanned: bool


def find_due(session: Session) -> list[DueWork]:
    """Every active, paired tenant with waiting work, in an unrestricted session."""
    now = clock.now()
    chunk_counts = (
        select(
            CHUNKS.c.tenant_id,
            func.count().filter(claims.is_claimable(now)).label("due"),
            func.count().filter(CHUNKS.c.state == "waiting").label("waiting"),
            func.max(CHUNKS.c.finished_at).label("finished_at"),
        )
        .group_by(CHUNKS.c.tenant_id)
        .subquery()
    )
    inbox = (
        select(
            INBOX.c.tenant_id,
            func.count().filter(is_own(is_ours=False)).label("deliveries"),
            func.count().filter(is_own(is_ours=True)).label("rereads"),
        )
        .where(INBOX.c.done_at.is_(None), INBOX.c.due_at <= now)
        .group_by(INBOX.c.tenant_id)
        .subquery()
    )
    checked_at = (
        select(func.max(COMPLETENESS.c.verified_at))
        .where(COMPLETENESS.c.tenant_id == INTEGRATIONS.c.tenant_id)
        .scalar_subquery()
    )
    # Somebody must act, and perhaps has: what was read since the last verification is worth another.
    is_read_since = and_(
        INTEGRATIONS.c.state == State.NEEDS_ATTENTION.value,
        chunk_counts.c.waiting == 0,
        chunk_counts.c.finished_at > checked_at,
    )
    is_read = and_(INTEGRATIONS.c.state == State.BACKFILLING.value, chunk_counts.c.waiting == 0)
    rows = session.execute(
        select(
            INTEGRATIONS.c.tenant_id,
            func.coalesce(or_(is_read, is_read_since), false()).label("is_unverified"),
            chunk_counts.c.due,
            chunk_counts.c.waiting,
            inbox.c.deliveries,
            inbox.c.rereads,
        )
        .join(TENANTS, and_(TENANTS.c.id == INTEGRATIONS.c.tenant_id, TENANTS.c.state == "active"))
        .outerjoin(chunk_counts, chunk_counts.c.tenant_id == INTEGRATIONS.c.tenant_id)
        .outerjoin(inbox, inbox.c.tenant_id == INTEGRATIONS.c.tenant_id)
        .where(
            INTEGRATIONS.c.state.in_(WORKING_STATES),
            INTEGRATIONS.c.parked_because.is_(None),
            or_(
                chunk_counts.c.due > 0,
                inbox.c.deliveries > 0,
                inbox.c.rereads > 0,
                and_(INTEGRATIONS.c.state == State.BACKFILLING.value, func.coalesce(chunk_counts.c.waiting, 0) == 0),
                is_read_since,
            ),
        )
    )
    return [
        DueWork(
            tenant_id=row.tenant_id,
            chunks=row.due or 0,
            deliveries=row.deliveries or 0,
            rereads=row.rereads or 0,
            is_unverified=row.is_unverified,
            is_unplanned=row.waiting is None,
        )
        for row in rows
    ]


def promise_erasure(session: Session) -> None:
    """Start the grace period of data without a paired integration, however the pairing ended."""
    has_integration = select(INTEGRATIONS.c.id).where(INTEGRATIONS.c.tenant_id == TENANTS.c.id).exists()
    has_data = select(TALLIES.c.entity).where(TALLIES.c.tenant_id == TENANTS.c.id).exists()
    session.execute(
        update(TENANTS)
        .where(TENANTS.c.purge_after.is_(None), ~has_integration, has_data)
        .values(purge_after=clock.now() + GRACE)
    )


def find_late(session: Session) -> list[UUID]:
    """Tenants with late rows, and delayed ones: their state is derived again."""
    last_poll = func.coalesce(INTEGRATIONS.c.polled_at, INTEGRATIONS.c.verified_at)
    is_late = INTEGRATIONS.c.state.in_((State.HEALTHY.value,)) & (last_poll < clock.now() - state.LATE)
    rows = session.execute(
        select(INTEGRATIONS.c.tenant_id).where(is_late | (INTEGRATIONS.c.state == State.DELAYED.value))
    )
    return [row.tenant_id for row in rows if row.tenant_id is not None]


def tidy(session: Session) -> None:
    """Delete finished deliveries after a week, findings after a quarter, rotated secrets after their overlap."""
    session.execute(delete(INBOX).where(INBOX.c.done_at < clock.now() - _DELIVERY_AGE))
    session.execute(delete(COMPLETENESS).where(COMPLETENESS.c.verified_at < clock.now() - _FINDING_AGE))
    activity.tidy(session)
    is_over = CREDENTIALS.c.previous_until < clock.now()
    session.execute(update(CREDENTIALS).where(is_over).values(previous_sealed=None, previous_until=None))


def find_purgeable(session: Session) -> list[UUID]:
    """Tenants past their grace period."""
    rows = session.execute(select(TENANTS.c.id).where(TENANTS.c.purge_after < clock.now()))
    return [row.id for row in rows]


def find_deleting(session: Session) -> list[UUID]:
    """Integrations that wait for their erasure."""
    rows = session.execute(select(INTEGRATIONS.c.id).where(INTEGRATIONS.c.state == State.DELETING.value))
    return [row.id for row in rows]
