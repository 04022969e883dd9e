"""Resumption after a pause, a disabled app or a broken credential.

The site isn't read again as a whole: one poll from the old cursor finds the changes, stale lists are read, and comparing
counts shows deletions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from app import clock, jobs
from app.ingest.planning import tenant_schedule
from app.ingest.planning.plan import enqueue_workers
from app.integrations import ledger
from app.integrations.model import State
from app.store import checkpoints
from app.store.schema import CHUNKS

if TYPE_CHECKING:
    from app.store.session import Session


def resume_work(session: Session) -> bool:
    """Resume the tenant's work. Returns False where no integration is paired, or it may not work."""
    integration = ledger.of_tenant(session, lock=True)
    if integration is None or not integration.is_served:
        return False
    is_planned = session.execute(select(CHUNKS.c.id).limit(1)).first() is not None
    if not is_planned:
        ledger.move_to(session, integration.id, State.BACKFILLING)
        session.enqueue(jobs.PLAN, str(session.tenant_id), once_as=str(session.tenant_id))
        return True
    ledger.move_to(session, integration.id, integration.catch_up_state)
    checkpoints.make_due(session)
    enqueue_workers(session, 1)
    tenant_schedule.start(session, at=clock.now())
    return True
