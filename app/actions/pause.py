"""An SEI admin pauses an integration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.conditions import Code, Condition
from app.errors import Conflicting
from app.integrations import ledger
from app.integrations.model import State

if TYPE_CHECKING:
    from uuid import UUID

    from app.integrations.model import Integration
    from app.store.session import Session


def pause(session: Session, integration_id: UUID) -> Integration:
    """Stop reading until somebody resumes it; webhooks are kept. Raises Missing, Conflicting."""
    integration = ledger.get(session, integration_id, lock=True)
    if integration.tenant_id is None or not (integration.state.is_working or integration.state is State.PAUSED):
        raise Conflicting(Code.CANNOT_PAUSE)
    ledger.move_to(session, integration_id, State.PAUSED, reason=Condition(Code.PAUSED))
    return ledger.get(session, integration_id)
