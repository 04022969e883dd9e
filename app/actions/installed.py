"""A Jira admin installs the app, or Jira reports an upgrade, a rename or a new secret (lifecycle hook `installed`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.actions.reconnect import reconnect
from app.tenants import arrive

if TYPE_CHECKING:
    from app.store.session import Session
    from app.tenants.keyring import Keyring
    from app.tenants.model import Install


def installed(session: Session, keyring: Keyring, install: Install) -> None:
    """Create or refresh the tenant and take up its integration's work.

    Wants an unrestricted session. A hook that is late changes nothing.
    """
    tenant_id = arrive.arrive(session, keyring, install)
    if tenant_id is not None:
        reconnect(session, tenant_id)
