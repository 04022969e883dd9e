"""Schedule of each tenant's periodic jobs.

The clock asks for due jobs; a job advances its own row when it begins, so a lost job is asked for again. Every tenant has
its own place in each period, drawn from its id: a thousand tenants spread over the minutes. After an outage of the clock
everything is overdue; then a round asks for at most twice the mean.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from app import clock, jobs
from app.integrations.ledger import WORKING_STATES
from app.sources import Method
from app.store.schema import INTEGRATIONS, TENANTS
from app.store.sync_tables import SCHEDULES

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Subquery

    from app.jobs import Periodic
    from app.store.session import Session

PERIODIC_JOBS = {periodic_job.spec.name: periodic_job for periodic_job in jobs.BY_THE_CLOCK if periodic_job.is_tenants}
"""The tenants' periodic jobs by name."""
TICK = next(periodic_job.every for periodic_job in jobs.BY_THE_CLOCK if periodic_job.spec is jobs.ROUND)
"""Seconds between two rounds."""
_REPEAT_AFTER = timedelta(minutes=2)
"""A job that was asked for and has not begun is asked for again after this."""
_MINIMUM = len(PERIODIC_JOBS)
"""Jobs that a round may ask for, however few tenants there are: all of one."""


def slot_after(tenant_id: UUID, duty: Periodic, moment: datetime) -> datetime:
    """The tenant's next place in a job's period after a moment."""
    return _slot(tenant_id, duty, moment, duty.every)


def _slot(tenant_id: UUID, duty: Periodic, moment: datetime, every: int) -> datetime:
    digest = hashlib.sha256(f"{tenant_id} {duty.spec.name}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") % (1000 * (duty.within or every)) / 1000
    period_count = (moment.timestamp() - place) // every
    return datetime.fromtimestamp((period_count + 1) * every + place, UTC)


def reconcile(session: Session) -> int:
    """Give every served tenant a row a job and remove other rows, in an unrestricted session. Returns the number of new rows."""
    served_tenants = _served()
    session.execute(
        delete(SCHEDULES).where(
            or_(
                SCHEDULES.c.tenant_id.not_in(select(served_tenants.c.tenant_id)),
                SCHEDULES.c.duty.not_in(list(PERIODIC_JOBS)),
            )
        )
    )
    complete = select(SCHEDULES.c.tenant_id).group_by(SCHEDULES.c.tenant_id).having(func.count() >= len(PERIODIC_JOBS))
    new_tenants = (
        session.execute(select(served_tenants.c.tenant_id).where(served_tenants.c.tenant_id.not_in(complete)))
        .scalars()
        .all()
    )
    now = clock.now()
    rows = [
        {"tenant_id": tenant_id, "duty": name, "due_at": slot_after(tenant_id, duty, now)}
        for tenant_id in new_tenants
        for name, duty in PERIODIC_JOBS.items()
    ]
    return session.changed(insert(SCHEDULES).values(rows).on_conflict_do_nothing()) if rows else 0


def ask(session: Session) -> list[tuple[UUID, str]]:
    """Enqueue due jobs, longest due first, in an unrestricted session. Returns tenant and job of each."""
    now, served_tenants = clock.now(), _served()
    is_probe = SCHEDULES.c.duty == jobs.PROBE.name
    due = session.execute(
        select(SCHEDULES.c.tenant_id, SCHEDULES.c.duty)
        .join(served_tenants, served_tenants.c.tenant_id == SCHEDULES.c.tenant_id)
        .where(
            SCHEDULES.c.due_at <= now,
            or_(SCHEDULES.c.asked_at.is_(None), SCHEDULES.c.asked_at < now - _REPEAT_AFTER),
            or_(is_probe, served_tenants.c.parked_because.is_(None)),
        )
        .order_by(SCHEDULES.c.due_at)
        .limit(_at_once(session))
        .with_for_update(of=SCHEDULES, skip_locked=True)
    ).all()
    if due:
        is_asked = tuple_(SCHEDULES.c.tenant_id, SCHEDULES.c.duty).in_([tuple(row) for row in due])
        session.execute(update(SCHEDULES).where(is_asked).values(asked_at=now))
    for row in due:
        session.enqueue(PERIODIC_JOBS[row.duty].spec, str(row.tenant_id), once_as=str(row.tenant_id))
    return [(row.tenant_id, row.duty) for row in due]


def _at_once(session: Session) -> int:
    """Twice the mean number of jobs that fall due in one round."""
    has_rows = TENANTS.c.id.in_(select(SCHEDULES.c.tenant_id))
    counts = select(TENANTS.c.method, func.count().label("tenants")).where(has_rows).group_by(TENANTS.c.method)
    a_second = sum(
        row.tenants / _period(duty, row.method) for row in session.execute(counts) for duty in PERIODIC_JOBS.values()
    )
    return max(_MINIMUM, int(2 * a_second * TICK) + 1)


def _period(duty: Periodic, method: str) -> int:
    """The period of a job at a site with a method, in seconds."""
    return duty.every if duty.every_untold is None or Method(method).is_told_of_changes else duty.every_untold


def begin(session: Session, name: str) -> None:
    """Record the start of a job: it is due again at the tenant's next place."""
    now, duty = clock.now(), PERIODIC_JOBS[name]
    method = session.execute(select(TENANTS.c.method).where(TENANTS.c.id == session.tenant_id)).scalar_one_or_none()
    if method is None:
        return  # the tenant was erased
    values = {"due_at": _slot(session.tenant_id, duty, now, _period(duty, method)), "ran_at": now, "asked_at": None}
    session.execute(update(SCHEDULES).where(SCHEDULES.c.duty == name).values(**values))


def start(session: Session, *, at: datetime) -> None:
    """Make all periodic jobs of the bound tenant due from a moment on, with or without rows yet."""
    rows = [{"tenant_id": session.tenant_id, "duty": name, "due_at": at} for name in PERIODIC_JOBS]
    statement = insert(SCHEDULES).values(rows)
    soonest = {"due_at": func.least(SCHEDULES.c.due_at, statement.excluded.due_at), "asked_at": None}
    session.execute(statement.on_conflict_do_update(index_elements=["tenant_id", "duty"], set_=soonest))


def hasten(session: Session, *names: str, at: datetime | None = None) -> None:
    """Make jobs of the bound tenant due now, or at a moment before their next place."""
    moment = at or clock.now()
    is_later = and_(SCHEDULES.c.duty.in_(names), SCHEDULES.c.due_at > moment)
    session.execute(update(SCHEDULES).where(is_later).values(due_at=moment, asked_at=None))


def _served() -> Subquery:
    """Active tenants that are paired with a working integration, with the reason where they are parked."""
    return (
        select(INTEGRATIONS.c.tenant_id, INTEGRATIONS.c.parked_because)
        .join(TENANTS, and_(TENANTS.c.id == INTEGRATIONS.c.tenant_id, TENANTS.c.state == "active"))
        .where(INTEGRATIONS.c.state.in_(WORKING_STATES))
        .subquery()
    )
