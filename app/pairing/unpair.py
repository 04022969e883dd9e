"""The end of a pairing: a Jira admin disconnects the site, or the site uninstalls the app."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import update

from app import clock, jobs
from app.conditions import Code, Condition
from app.integrations import ledger
from app.integrations.model import State
from app.sources import Method
from app.store.schema import TENANTS
from app.tenants import direct
from app.tenants.depart import GRACE

if TYPE_CHECKING:
    from app.integrations.model import Integration
    from app.store.session import Session

_NO_PARKING = {"state_before": None, "parked_until": None, "parked_because": None}


def unpair(session: Session, *, reason: Condition) -> bool:
    """End the tenant's pairing: reading stops at once, erasure waits for the grace period. Returns whether there was one."""
    # Lock order: the tenant first. A concurrent uninstall must not be lost.
    direct.lock(session)
    integration = ledger.of_tenant(session, lock=True)
    if integration is None:
        return False
    let_go(session, integration, reason=reason)
    if integration.method is Method.CONNECT_APP:
        session.execute(
            update(TENANTS).where(TENANTS.c.id == session.tenant_id).values(purge_after=clock.now() + GRACE)
        )
    return True


def let_go(session: Session, integration: Integration, *, reason: Condition) -> None:
    """Disconnect an integration from its tenant; it stays with its account. Rows that a token read are erased at once."""
    if integration.method is Method.API_TOKEN:
        direct.drop_token(session, rows_stay=False)
        session.enqueue(jobs.PURGE, str(session.tenant_id), once_as=str(session.tenant_id))
    with session.with_account(integration.account_id):
        ledger.move_to(session, integration.id, State.DISCONNECTED, reason=reason, tenant_id=None, **_NO_PARKING)


def mark_departed(session: Session) -> None:
    """Mark the pairing of an uninstalled site as disconnected; it stays visible until somebody pairs again.

    An integration that reads the site with a token goes on.
    """
    integration = ledger.of_tenant(session, lock=True)
    if integration is not None and integration.method is Method.CONNECT_APP:
        ledger.move_to(
            session, integration.id, State.DISCONNECTED, reason=Condition(Code.UNINSTALLED), state_before=None
        )
