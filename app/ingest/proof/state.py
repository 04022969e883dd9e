"""State of an integration, derived from the facts in the one vocabulary of states."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from app import clock
from app.conditions import Code, Condition
from app.ingest.drift import stale_lists
from app.ingest.planning import inbox
from app.ingest.writing import project_access, unreadable
from app.integrations import ledger
from app.integrations.model import State
from app.store.schema import COMPLETENESS, INBOX
from app.store.sync_tables import SCHEDULES

if TYPE_CHECKING:
    from datetime import datetime

    from app.integrations.model import Integration
    from app.store.session import Session

LATE = timedelta(minutes=20)
"""Delay that is reported: a poll ends every five minutes, and a delivery is applied in seconds."""


def derive_state(session: Session, *, is_verified: bool | None = None, reason: Condition | None = None) -> None:
    """Put a working integration into its state.

    `is_verified` is the result of a verification just now, and `reason` the shortfall that it found. Without one, the last
    verification's result still holds. Only a verification ends a first backfill.
    """
    integration = ledger.of_tenant(session, lock=True)
    if integration is None or not integration.state.is_working or integration.parked_because is not None:
        return
    if is_verified is None and integration.state is State.BACKFILLING:
        return
    wrong = _wrong(session, integration, is_verified=is_verified, reason=reason)
    late = _late(session, integration) if integration.state is not State.BACKFILLING else None
    also: dict[str, Any] = {"verified_at": clock.now()} if is_verified else {}
    if wrong:
        ledger.move_to(session, integration.id, State.NEEDS_ATTENTION, reason=wrong, **also)
    elif late:
        ledger.move_to(session, integration.id, State.DELAYED, reason=late, **also)
    else:
        ledger.move_to(session, integration.id, State.HEALTHY, reason=unreadable.reservation(session), **also)


def _wrong(
    session: Session, integration: Integration, *, is_verified: bool | None, reason: Condition | None
) -> Condition | None:
    """The reason for somebody to look at it; None where all is well."""
    if reason:
        return reason
    frozen_projects = list(project_access.frozen(session).values())
    if frozen_projects:
        more_projects, first = len(frozen_projects) - 1, frozen_projects[0].params["project"]
        if more_projects:
            return Condition(Code.PROJECTS_LOST, project=first, others=more_projects)
        return Condition(Code.PROJECT_LOST, project=first)
    if is_verified is None and integration.state is State.NEEDS_ATTENTION and _was_different(session):
        return integration.state_reason
    return None


def _was_different(session: Session) -> bool:
    """Whether the last verification found rows missing or left over."""
    last = select(func.max(COMPLETENESS.c.verified_at)).scalar_subquery()
    query = select(COMPLETENESS.c.id).where(COMPLETENESS.c.verified_at == last, ~COMPLETENESS.c.is_complete)
    return session.execute(query.limit(1)).first() is not None


def _late(session: Session, integration: Integration) -> Condition | None:
    """The cause of rows that are older than they should be; None where they are fresh."""
    now = clock.now()
    last_poll = integration.polled_at or integration.verified_at
    if last_poll is not None and last_poll < now - LATE:
        return Condition(Code.POLL_LATE, age=_minutes(now - last_poll))
    for is_ours, code in ((False, Code.CHANGE_LATE), (True, Code.REREAD_LATE)):
        oldest = session.execute(
            select(func.min(INBOX.c.received_at)).where(INBOX.c.done_at.is_(None), inbox.is_own(is_ours=is_ours))
        ).scalar_one()
        if oldest is not None and oldest < now - LATE:
            return Condition(code, age=_minutes(now - oldest))
    return _late_job(session, now) or _late_list(session, now)


def _late_job(session: Session, now: datetime) -> Condition | None:
    """The periodic job that waits longest for its start; the clock or the workers stand still."""
    query = select(SCHEDULES.c.duty, SCHEDULES.c.due_at).where(SCHEDULES.c.due_at < now - LATE)
    row = session.execute(query.order_by(SCHEDULES.c.due_at).limit(1)).first()
    return Condition(Code.JOB_LATE, job=row.duty, age=_minutes(now - row.due_at)) if row else None


def _late_list(session: Session, now: datetime) -> Condition | None:
    """The list that is furthest beyond its age, where it is more than an age late."""
    stalest = stale_lists.stalest(session)
    if stalest is None or stalest.due_at + stalest.age + LATE > now:
        return None
    return Condition(Code.LIST_LATE, entity=stalest.entity, age=_minutes(now - stalest.due_at))


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)
