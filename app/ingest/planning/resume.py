"""Work begins again after a pause, a disabled app or a broken credential: what was missed meanwhile is caught up.

Not by reading the whole site again: the poll's cursor stands where it stood, so one poll finds what changed; the lists that
have grown old are read; and the counts are compared, which shows what was deleted.
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
    """Have a tenant's work go on where it stopped. Returns False where nobody is paired with it, or it may not work."""
    held = ledger.of_tenant(session, lock=True)
    if held is None or not held.is_served:
        return False
    is_planned = session.execute(select(CHUNKS.c.id).limit(1)).first() is not None
    if not is_planned:
        ledger.move_to(session, held.id, State.BACKFILLING)
        session.enqueue(jobs.PLAN, str(session.tenant_id), once_as=str(session.tenant_id))
        return True
    ledger.move_to(session, held.id, held.catch_up_state)
    checkpoints.make_due(session)
    enqueue_workers(session, 1)
    tenant_schedule.start(session, at=clock.now())
    return True
