"""Applies `enabled`, `disabled` and `uninstalled`.

Jira fires `disabled` and `uninstalled` in parallel, and the final state does not depend on their order of arrival:
`uninstalled` ends the install that was signed before it, and holds until a later one; the others are ordered by the
token's `iat`, ties by rank.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from app import clock
from app.sources import Method
from app.store.schema import INSTALLATIONS, TENANTS
from app.tenants.arrive import lock_installation
from app.tenants.model import Hook, Protocol, State

if TYPE_CHECKING:
    from uuid import UUID

    from app.store.session import Session
    from app.tenants.keyring import Keyring

GRACE = timedelta(days=30)
"""Time for the same client key to come back before its data is erased."""
_STATE = {Hook.ENABLED: State.ACTIVE, Hook.DISABLED: State.DISABLED, Hook.UNINSTALLED: State.UNINSTALLED}


def switch(session: Session, tenant_id: UUID, hook: Hook, *, issued_at: int) -> bool:
    """Apply `enabled` or `disabled`. Returns False for a late call or an uninstalled site, both left unchanged."""
    return _move(session, tenant_id, hook, issued_at)


def uninstall(session: Session, keyring: Keyring, client_key: str, *, issued_at: int) -> UUID | None:
    """Apply `uninstalled`: destroy the secret at once, and the data after the grace period.

    Returns the tenant's id, or None where the tenant is unknown or was installed again after the call was signed.
    """
    tenant_id = session.execute(
        select(INSTALLATIONS.c.tenant_id).where(INSTALLATIONS.c.client_key == client_key)
    ).scalar_one_or_none()
    if tenant_id is None or not _move(session, tenant_id, Hook.UNINSTALLED, issued_at):
        return None
    keyring.destroy(session, tenant_id)
    return tenant_id  # type: ignore[no-any-return]  # the column's type is Uuid


def _move(session: Session, tenant_id: UUID, hook: Hook, issued_at: int) -> bool:
    installation = lock_installation(session, tenant_id)
    if installation is None or installation.lifecycle_rank == Hook.UNINSTALLED.rank:
        return False
    is_late = (
        issued_at < installation.installed_at
        if hook is Hook.UNINSTALLED
        else (issued_at, hook.rank) < (installation.lifecycle_at, installation.lifecycle_rank)
    )
    if is_late:
        return False
    state = _STATE[hook]
    # Only a new pairing cancels a scheduled erasure.
    grace = {"purge_after": clock.now() + GRACE} if state is State.UNINSTALLED else {}
    # A site that a token opens doesn't need the app.
    is_apps = (TENANTS.c.id == tenant_id, TENANTS.c.method == Method.CONNECT_APP.value)
    session.execute(update(TENANTS).where(*is_apps).values(state=state.value, **grace))
    session.execute(
        update(INSTALLATIONS)
        .where(INSTALLATIONS.c.tenant_id == tenant_id, INSTALLATIONS.c.protocol == Protocol.CONNECT.value)
        .values(lifecycle_at=max(issued_at, installation.lifecycle_at), lifecycle_rank=hook.rank)
    )
    return True
