"""A Jira admin enables the app again (lifecycle hook `enabled`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.actions.reconnect import reconnect
from app.tenants import depart
from app.tenants.model import Hook

if TYPE_CHECKING:
    from uuid import UUID

    from app.store.session import Session


def enabled(session: Session, tenant_id: UUID, *, issued_at: int) -> None:
    """Activate the tenant and take up its integration's work.

    Wants an unrestricted session. A hook that is late, or of a site that has left, changes nothing.
    """
    if depart.switch(session, tenant_id, Hook.ENABLED, issued_at=issued_at):
        reconnect(session, tenant_id)
