"""Applies `installed`: a first install, an upgrade, a rename or a rotated secret.

Everything happens in one transaction, committed before Jira gets its answer and keyed by the client key: a site import
brings a new client key under an old address and gets a new, empty tenant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from app import ids, logs
from app.store.schema import INSTALLATIONS, TENANTS
from app.tenants.model import Hook, Install, Protocol, State

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Row

    from app.store.session import Session
    from app.tenants.keyring import Keyring

log = logs.get(__name__)

PRODUCT = "jira_cloud"


def arrive(session: Session, keyring: Keyring, install: Install) -> UUID | None:
    """Create or refresh the tenant of a proven `installed` call. Returns its id, or None where it is not active now.

    A call signed before the newest applied one changes nothing: Jira retries, and retries may arrive late. One of the same
    second as an applied `disabled` brings its secret and addresses, and the site stays disabled.
    """
    tenant_id = _tenant_for(session, install)
    installation = lock_installation(session, tenant_id)
    if installation is None or install.issued_at < installation.lifecycle_at:
        return None
    last_hook = (installation.lifecycle_at, installation.lifecycle_rank)
    stays_disabled = last_hook == (install.issued_at, Hook.DISABLED.rank)
    _refresh(session, tenant_id, install, is_activated=not stays_disabled)
    keyring.keep(session, tenant_id, install.shared_secret)
    return None if stays_disabled else tenant_id


def _refresh(session: Session, tenant_id: UUID, install: Install, *, is_activated: bool) -> None:
    """Store the addresses and origin of an install, and its state and order if it activates the tenant."""
    state = {"state": State.ACTIVE.value} if is_activated else {}
    session.execute(
        update(TENANTS)
        .where(TENANTS.c.id == tenant_id)
        .values(base_url=install.base_url, display_url=install.display_url, **state)
    )
    order = {"lifecycle_at": install.issued_at, "lifecycle_rank": Hook.INSTALLED.rank} if is_activated else {}
    session.execute(
        update(INSTALLATIONS)
        .where(INSTALLATIONS.c.tenant_id == tenant_id, INSTALLATIONS.c.protocol == Protocol.CONNECT.value)
        .values(account_id=install.account_id, installed_at=install.issued_at, **order)
    )
    if install.installation_id is not None:
        _claim_installation_id(session, tenant_id, install.installation_id)


def lock_installation(session: Session, tenant_id: UUID) -> Row[tuple[object, ...]] | None:
    """The tenant's Connect installation, locked: lifecycle calls are applied one after the other."""
    return session.execute(
        select(INSTALLATIONS)
        .where(INSTALLATIONS.c.tenant_id == tenant_id, INSTALLATIONS.c.protocol == Protocol.CONNECT.value)
        .with_for_update()
    ).one_or_none()


def _claim_installation_id(session: Session, tenant_id: UUID, installation_id: str) -> None:
    """Store the Forge installation id of the body unless another tenant has it: bodies are not signed."""
    attempt = session.connection.begin_nested()
    try:
        session.execute(
            update(INSTALLATIONS)
            .where(INSTALLATIONS.c.tenant_id == tenant_id, INSTALLATIONS.c.protocol == Protocol.CONNECT.value)
            .values(installation_id=installation_id)
        )
        attempt.commit()
    except IntegrityError:
        attempt.rollback()
        log.warning("an installation id is another tenant's", tenant_id=str(tenant_id))


def _tenant_for(session: Session, install: Install) -> UUID:
    """The id of the client key's tenant, created if it is new; concurrent installs agree on one."""
    existing_id = session.execute(
        select(INSTALLATIONS.c.tenant_id).where(INSTALLATIONS.c.client_key == install.client_key)
    ).scalar_one_or_none()
    if existing_id is not None:
        return existing_id  # type: ignore[no-any-return]  # the column's type is Uuid
    with session.connection.begin_nested() as attempt:
        tenant_id = ids.new()
        session.execute(
            TENANTS.insert().values(id=tenant_id, product=PRODUCT, base_url=install.base_url, state=State.ACTIVE.value)
        )
        is_new = session.changed(
            insert(INSTALLATIONS)
            .values(
                tenant_id=tenant_id,
                protocol=Protocol.CONNECT.value,
                client_key=install.client_key,
                lifecycle_at=install.issued_at,
                lifecycle_rank=Hook.INSTALLED.rank,
            )
            .on_conflict_do_nothing(index_elements=["client_key"])
        )
        if is_new:
            return tenant_id
        attempt.rollback()
    return session.execute(  # type: ignore[no-any-return]  # the column's type is Uuid
        select(INSTALLATIONS.c.tenant_id).where(INSTALLATIONS.c.client_key == install.client_key)
    ).scalar_one()
