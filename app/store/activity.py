"""The activity log of a tenant, one line a run of a job: start, duration, retries, result.

A line is written at the start of a run and completed at its end, so the run of a killed worker is visible as such.
Runs without work leave no line.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, literal, select, update

from app import clock, ids
from app.conditions import Code, Condition
from app.store.schema import INTEGRATIONS
from app.store.sync_tables import ACTIVITY

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from app.store.session import Session

RETENTION = timedelta(days=14)
_MAX_DURATION = timedelta(minutes=16)
"""No job may take longer (`app.jobs`); a run beyond it was killed."""
MAX_RUNS = 200
"""Limit of runs a page."""
_BAD_RESULTS = ("put off", "failed", "killed")


@dataclass(frozen=True)
class Run:
    """One run of a job."""

    id: UUID
    job: str
    started_at: datetime
    finished_at: datetime | None
    retries: int
    """Consecutive unsuccessful runs of the same job before this one."""
    result: str
    """`running`, `done`, `put off` (Jira or one of our servers asked us to come back later), `failed`, `killed`."""
    detail: Condition | None
    error: Condition | None


def begin(session: Session, job: str) -> UUID:
    """Record the start of a run. Returns its id."""
    run_id = ids.new()
    last = session.execute(
        select(ACTIVITY.c.result, ACTIVITY.c.retries)
        .where(ACTIVITY.c.job == job, ACTIVITY.c.result != "running")
        .order_by(ACTIVITY.c.started_at.desc())
        .limit(1)
    ).one_or_none()
    retries = last.retries + 1 if last is not None and last.result in _BAD_RESULTS else 0
    line = {"tenant_id": session.tenant_id, "id": run_id, "job": job, "started_at": clock.now(), "retries": retries}
    # Nothing is written after an erasure, nor for a site without a pairing.
    is_paired = select(INTEGRATIONS.c.id).where(
        INTEGRATIONS.c.tenant_id == session.tenant_id, INTEGRATIONS.c.state != "deleting"
    )
    columns = {**line, "result": "running"}
    values = [literal(value, ACTIVITY.c[name].type) for name, value in columns.items()]
    session.execute(ACTIVITY.insert().from_select(list(columns), select(*values).where(is_paired.exists())))
    return run_id


def end(
    session: Session, run_id: UUID, result: str, *, detail: Condition | None = None, error: Condition | None = None
) -> None:
    """Record the end of a run, with its outcome or its error."""
    session.execute(
        update(ACTIVITY)
        .where(ACTIVITY.c.id == run_id)
        .values(finished_at=clock.now(), result=result, detail=detail, error=error)
    )


def forget(session: Session, run_id: UUID) -> None:
    """Delete the line of a run without work."""
    session.execute(delete(ACTIVITY).where(ACTIVITY.c.id == run_id))


def tidy(session: Session) -> None:
    """Mark the runs of killed workers and delete old ones. Needs an unrestricted session."""
    now = clock.now()
    session.execute(
        update(ACTIVITY)
        .where(ACTIVITY.c.result == "running", ACTIVITY.c.started_at < now - _MAX_DURATION)
        .values(result="killed", finished_at=ACTIVITY.c.started_at + _MAX_DURATION, error=Condition(Code.WORKER_KILLED))
    )
    session.execute(delete(ACTIVITY).where(ACTIVITY.c.started_at < now - RETENTION))


def listed(session: Session, *, limit: int, before: datetime | None = None, job: str | None = None) -> list[Run]:
    """The bound tenant's runs, newest first, optionally those before a moment or of one job."""
    query = select(*(ACTIVITY.c[name] for name in Run.__dataclass_fields__)).order_by(
        ACTIVITY.c.started_at.desc(), ACTIVITY.c.id.desc()
    )
    if before is not None:
        query = query.where(ACTIVITY.c.started_at < before)
    if job is not None:
        query = query.where(ACTIVITY.c.job == job)
    return [Run(**row._asdict()) for row in session.execute(query.limit(min(limit, MAX_RUNS)))]


def counted(session: Session) -> dict[str, int]:
    """Runs of the last day by result, over all tenants, for metrics. Needs an unrestricted session."""
    rows = session.execute(
        select(ACTIVITY.c.result, func.count().label("runs"))
        .where(ACTIVITY.c.started_at > clock.now() - timedelta(days=1))
        .group_by(ACTIVITY.c.result)
    )
    return {row.result: int(row.runs) for row in rows}
