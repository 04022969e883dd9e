"""What the workers did for a tenant, a line a run: when, how long, how often tried, how it ended.

A line is written when a run begins and completed when it ends, so that one whose worker was killed is seen as that.
Runs that found nothing to do leave no line.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, literal, select, update

from app import clock, ids
from app.store.schema import INTEGRATIONS
from app.store.sync_tables import ACTIVITY

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from app.store.session import Session

KEPT = timedelta(days=14)
_LONGEST = timedelta(minutes=16)
"""No job may take longer (`app.jobs`); one that says so still was killed."""
_LONGEST_TEXT = 500
MOST = 200
"""Lines a page has at most."""
_UNFINISHED = ("put off", "failed", "killed")


@dataclass(frozen=True)
class Run:
    """One run of a job."""

    id: UUID
    job: str
    started_at: datetime
    finished_at: datetime | None
    retries: int
    """Runs of the same job before this one that did not end well, in a row."""
    result: str
    """`running`, `done`, `put off` (Jira or one of our servers asked us to come later), `failed`, `killed`."""
    detail: str | None
    error: str | None


def begin(session: Session, job: str) -> UUID:
    """A run begins. Returns its id."""
    known = ids.new()
    last = session.execute(
        select(ACTIVITY.c.result, ACTIVITY.c.retries)
        .where(ACTIVITY.c.job == job, ACTIVITY.c.result != "running")
        .order_by(ACTIVITY.c.started_at.desc())
        .limit(1)
    ).one_or_none()
    retries = last.retries + 1 if last is not None and last.result in _UNFINISHED else 0
    line = {"tenant_id": session.tenant_id, "id": known, "job": job, "started_at": clock.now(), "retries": retries}
    # Nothing is written behind an erasure, nor of a site that nobody is paired with.
    is_paired = select(INTEGRATIONS.c.id).where(
        INTEGRATIONS.c.tenant_id == session.tenant_id, INTEGRATIONS.c.state != "deleting"
    )
    columns = {**line, "result": "running"}
    values = [literal(value, ACTIVITY.c[name].type) for name, value in columns.items()]
    session.execute(ACTIVITY.insert().from_select(list(columns), select(*values).where(is_paired.exists())))
    return known


def end(session: Session, known: UUID, result: str, *, detail: str | None = None, error: str | None = None) -> None:
    """A run ends, with what it did or why it did not."""
    session.execute(
        update(ACTIVITY)
        .where(ACTIVITY.c.id == known)
        .values(finished_at=clock.now(), result=result, detail=_short(detail), error=_short(error))
    )


def forget(session: Session, known: UUID) -> None:
    """A run found nothing to do."""
    session.execute(delete(ACTIVITY).where(ACTIVITY.c.id == known))


def tidy(session: Session) -> None:
    """Name the runs whose workers were killed; forget what is old. An unrestricted session's business."""
    now = clock.now()
    session.execute(
        update(ACTIVITY)
        .where(ACTIVITY.c.result == "running", ACTIVITY.c.started_at < now - _LONGEST)
        .values(result="killed", finished_at=ACTIVITY.c.started_at + _LONGEST, error="The worker was killed.")
    )
    session.execute(delete(ACTIVITY).where(ACTIVITY.c.started_at < now - KEPT))


def listed(session: Session, *, limit: int, before: datetime | None = None, job: str | None = None) -> list[Run]:
    """The bound tenant's runs, newest first, those that began before a moment."""
    query = select(*(ACTIVITY.c[name] for name in Run.__dataclass_fields__)).order_by(
        ACTIVITY.c.started_at.desc(), ACTIVITY.c.id.desc()
    )
    if before is not None:
        query = query.where(ACTIVITY.c.started_at < before)
    if job is not None:
        query = query.where(ACTIVITY.c.job == job)
    return [Run(**row._asdict()) for row in session.execute(query.limit(min(limit, MOST)))]


def counted(session: Session) -> dict[str, int]:
    """Runs of the last day by result, over all tenants, for metrics; an unrestricted session's business."""
    rows = session.execute(
        select(ACTIVITY.c.result, func.count().label("runs"))
        .where(ACTIVITY.c.started_at > clock.now() - timedelta(days=1))
        .group_by(ACTIVITY.c.result)
    )
    return {row.result: int(row.runs) for row in rows}


def _short(text: str | None) -> str | None:
    return text[:_LONGEST_TEXT] if text else None
