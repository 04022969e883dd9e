"""How an integration stands, concluded from what is known of it, in the one vocabulary of states."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from app import clock
from app.conditions import Code, Condition
from app.ingest.planning import inbox
from app.ingest.writing import project_access
from app.integrations import ledger
from app.integrations.model import State
from app.store import claims
from app.store.schema import COMPLETENESS, INBOX

if TYPE_CHECKING:
    from app.integrations.model import Integration
    from app.store.session import Session

LATE = timedelta(minutes=20)
"""A poll ends every five minutes and a delivery is applied in seconds; what takes longer than this is told."""


def derive_state(session: Session, *, is_verified: bool | None = None, reason: Condition | None = None) -> None:
    """Put an integration that works into the state that it is in.

    `is_verified` is a verification's result, where there was one just now; `reason` what it found missing. Without one,
    what the last verification said still holds. A first backfill ends with a verification only.
    """
    held = ledger.of_tenant(session, lock=True)
    if held is None or not held.state.is_working or held.parked_because is not None:
        return
    if is_verified is None and held.state is State.BACKFILLING:
        return
    wrong = _wrong(session, held, is_verified=is_verified, reason=reason)
    late = _late(session, held) if held.state is not State.BACKFILLING else None
    also: dict[str, Any] = {"verified_at": clock.now()} if is_verified else {}
    if wrong:
        ledger.move_to(session, held.id, State.NEEDS_ATTENTION, reason=wrong, **also)
    elif late:
        ledger.move_to(session, held.id, State.DELAYED, reason=late, **also)
    else:
        ledger.move_to(session, held.id, State.HEALTHY, **also)


def _wrong(
    session: Session, held: Integration, *, is_verified: bool | None, reason: Condition | None
) -> Condition | None:
    """The reason for somebody to look at it; None where all is well."""
    if reason:
        return reason
    closed = list(project_access.frozen(session).values())
    if closed:
        others, first = len(closed) - 1, closed[0].params["project"]
        if others:
            return Condition(Code.PROJECTS_LOST, project=first, others=others)
        return Condition(Code.PROJECT_LOST, project=first)
    failed = claims.standing(session).failed
    if failed:
        return Condition(Code.PARTS_UNREAD, parts=failed)
    if is_verified is None and held.state is State.NEEDS_ATTENTION and _was_short(session):
        return held.state_reason
    return None


def _was_short(session: Session) -> bool:
    """Whether the last verification found rows missing."""
    last = select(func.max(COMPLETENESS.c.verified_at)).scalar_subquery()
    is_short = COMPLETENESS.c.stored - COMPLETENESS.c.suspected < COMPLETENESS.c.expected
    query = select(COMPLETENESS.c.id).where(COMPLETENESS.c.verified_at == last, is_short)
    return session.execute(query.limit(1)).first() is not None


def _late(session: Session, held: Integration) -> Condition | None:
    """The cause of rows that are older than they should be; None where they are fresh."""
    now = clock.now()
    polled = held.polled_at or held.verified_at
    if polled is not None and polled < now - LATE:
        return Condition(Code.POLL_LATE, age=_minutes(now - polled))
    oldest = session.execute(
        select(func.min(INBOX.c.received_at)).where(INBOX.c.done_at.is_(None), inbox.is_own(own=False))
    ).scalar_one()
    if oldest is not None and oldest < now - LATE:
        return Condition(Code.CHANGE_LATE, age=_minutes(now - oldest))
    return None


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)
