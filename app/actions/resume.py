"""An SEI admin resumes a paused integration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app import jobs
from app.conditions import Code
from app.errors import Conflicting
from app.integrations import ledger
from app.integrations.model import State

if TYPE_CHECKING:
    from uuid import UUID

    from app.integrations.model import Integration
    from app.store.session import Session

_UNPAIRED_STATES = frozenset({State.PENDING, State.DISCONNECTED, State.DELETING})


def resume(session: Session, integration_id: UUID) -> Integration:
    """Read again; a job catches up on the changes since the pause. Raises Missing, Conflicting."""
    integration = ledger.get(session, integration_id, lock=True)
    if integration.tenant_id is None or integration.state in _UNPAIRED_STATES:
        raise Conflicting(Code.CANNOT_RESUME)
    if integration.state is State.PAUSED:
        ledger.move_to(session, integration_id, integration.catch_up_state)
    session.enqueue(jobs.CATCH_UP, str(integration.tenant_id), once_as=str(integration.tenant_id))
    return ledger.get(session, integration_id)
