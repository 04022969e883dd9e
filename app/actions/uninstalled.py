"""A Jira admin uninstalls the app (lifecycle hook `uninstalled`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.pairing import unpair
from app.tenants import depart

if TYPE_CHECKING:
    from app.store.session import Session
    from app.tenants.keyring import Keyring


def uninstalled(session: Session, keyring: Keyring, client_key: str, *, issued_at: int) -> None:
    """Destroy the secret, begin the grace period and disconnect the integration. Wants an unrestricted session.

    A hook of an unknown site, or one that was signed before a later install, changes nothing.
    """
    tenant_id = depart.uninstall(session, keyring, client_key, issued_at=issued_at)
    if tenant_id is not None:
        with session.narrowed_to(tenant_id):
            unpair.mark_departed(session)
