"""A Jira admin disables the app (lifecycle hook `disabled`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.conditions import Code, Condition
from app.integrations import ledger
from app.integrations.model import State
from app.sources import Method
from app.tenants import depart
from app.tenants.model import Hook

if TYPE_CHECKING:
    from uuid import UUID

    from app.store.session import Session


def disabled(session: Session, tenant_id: UUID, *, issued_at: int) -> None:
    """Disable the tenant and stop its integration's work: the pairing stays, and `state_before` keeps the old state.

    Wants an unrestricted session. A hook that is late, or of a site that has left or is read with a token, changes nothing.
    """
    if not depart.switch(session, tenant_id, Hook.DISABLED, issued_at=issued_at):
        return
    with session.narrowed_to(tenant_id):
        integration = ledger.of_tenant(session, lock=True)
        if integration is None or integration.method is not Method.CONNECT_APP:
            return
        if integration.state.is_working or integration.state is State.PAUSED:
            state_before = integration.state.value
            reason = Condition(Code.APP_DISABLED)
            ledger.move_to(session, integration.id, State.DISCONNECTED, reason=reason, state_before=state_before)
