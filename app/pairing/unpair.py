"""The end of a pairing: a Jira admin disconnects, or the site itself goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from app import clock
from app.integrations import ledger
from app.integrations.model import State
from app.store.schema import TENANTS
from app.tenants.depart import GRACE

if TYPE_CHECKING:
    from app.integrations.model import Integration
    from app.store.session import Session

BY_ADMIN = "A Jira admin disconnected the site. Generate a new key to connect it again."
DISABLED = "A Jira admin disabled the app. Work goes on when it is enabled again in Manage apps."
UNINSTALLED = "The app was uninstalled from Jira. Install it again and generate a new key."

_UNPARKED = {"state_before": None, "parked_until": None, "parked_because": None}


def unpair(session: Session, *, reason: str) -> bool:
    """End the tenant's pairing: pulling stops at once, the data waits out the grace period. Returns whether there was one."""
    # The tenant first, as everybody locks: an uninstall at this moment must not lose.
    session.execute(select(TENANTS.c.id).where(TENANTS.c.id == session.tenant_id).with_for_update(key_share=True))
    held = ledger.of_tenant(session, lock=True)
    if held is None:
        return False
    let_go(session, held, reason=reason)
    session.execute(update(TENANTS).where(TENANTS.c.id == session.tenant_id).values(purge_after=clock.now() + GRACE))
    return True


def let_go(session: Session, held: Integration, *, reason: str) -> None:
    """Take an integration from the tenant it was paired with; it stays its account's."""
    with session.with_account(held.account_id):
        ledger.move_to(session, held.id, State.DISCONNECTED, reason=reason, tenant_id=None, **_UNPARKED)


def mark_departed(session: Session) -> None:
    """The site uninstalled the app: the pairing stays visible as disconnected until somebody pairs anew."""
    held = ledger.of_tenant(session, lock=True)
    if held is not None:
        ledger.move_to(session, held.id, State.DISCONNECTED, reason=UNINSTALLED, state_before=None)
