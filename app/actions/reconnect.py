"""Work begins again at a site that takes the app back: it was enabled, or installed anew with another secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app import jobs
from app.conditions import Code, Condition
from app.integrations import ledger
from app.integrations.model import State

if TYPE_CHECKING:
    from uuid import UUID

    from app.store.session import Session


def reconnect(session: Session, tenant_id: UUID) -> None:
    """Restore the state from before `disabled`, unpark the tenant, and catch up where work goes on.

    Wants an unrestricted session, which it narrows to the tenant.
    """
    with session.narrowed_to(tenant_id):
        if _restore(session) or ledger.unpark(session):
            session.enqueue(jobs.CATCH_UP, str(tenant_id), once_as=str(tenant_id))


def _restore(session: Session) -> bool:
    """Undo a disconnection by `disabled`. Returns whether the integration works now: a paused one stays paused."""
    integration = ledger.of_tenant(session, lock=True)
    if integration is None or integration.state is not State.DISCONNECTED or integration.state_before is None:
        return False
    if integration.state_before == State.PAUSED.value:
        ledger.move_to(session, integration.id, State.PAUSED, reason=Condition(Code.PAUSED), state_before=None)
        return False
    ledger.move_to(
        session,
        integration.id,
        integration.catch_up_state,
        state_before=None,
        parked_until=None,
        parked_because=None,
    )
    return True
