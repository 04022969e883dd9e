"""Work begins again after a pause, a disabled app or a broken credential: what was missed meanwhile is caught up.

Not by reading the whole site again: the poll's cursor stands where it stood, so one poll finds what changed; the lists that
have grown old are read; and the counts are compared, which shows what was deleted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from app import clock, jobs
from app.ingest import rota
from app.ingest.plan import lend_hands
from app.integrations import ledger
from app.integrations.model import State
from app.store import checkpoints
from app.store.schema import CHUNKS

if TYPE_CHECKING:
    from uuid import UUID

    from app.store.session import Session


def begin(session: Session, tenant_id: UUID) -> bool:
    """Have a tenant's work go on where it stopped. Returns False where nobody is paired with it, or it may not work."""
    held = ledger.of_tenant(session, tenant_id, lock=True)
    if held is None or not held.is_served:
        return False
    is_planned = session.execute(select(CHUNKS.c.id).limit(1)).first() is not None
    if not is_planned:
        ledger.move_to(session, held.id, State.BACKFILLING)
        session.enqueue(jobs.PLAN, str(tenant_id), once_as=str(tenant_id))
        return True
    is_read = held.verified_at is not None
    ledger.move_to(session, held.id, State.DELAYED if is_read else State.BACKFILLING)
    checkpoints.make_due(session)
    lend_hands(session, tenant_id, 1)
    rota.start(session, tenant_id, at=clock.now())
    return True
