"""Erases a tenant's data in batches, each a transaction: stopped anywhere, it goes on where it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

from app import clock
from app.store.schema import CREDENTIALS, INSTALLATIONS, INTEGRATIONS, REDEMPTIONS, TENANTS
from app.store.tables import tenant_owned
from app.tenants.model import State

if TYPE_CHECKING:
    from uuid import UUID

    from app.store.session import Session, Store

BATCH = 5000
KEPT = (INSTALLATIONS, CREDENTIALS, REDEMPTIONS)
"""What belongs to the install record, not to the data: the app stays installed when an integration is deleted."""


def erase_tenant_data(store: Store, tenant_id: UUID, *, is_purge: bool = False) -> int:
    """Erase every row taken from the tenant's site. Returns how many.

    A purge stops where somebody has paired the site again meanwhile.
    """
    erased = 0
    for table in tenant_owned():
        if table in KEPT:
            continue
        while True:
            with store.bound_to(tenant_id) as session:
                if is_purge and not _is_due(session):
                    return erased
                keys = list(table.primary_key.columns)
                batch = select(*keys).where(table.c.tenant_id == tenant_id).limit(BATCH).cte("batch")
                matches = [column == batch.c[column.name] for column in keys]
                gone = session.changed(delete(table).where(*matches))
            erased += gone
            if gone < BATCH:
                break
    return erased


def _is_due(session: Session) -> bool:
    """Whether the grace period is over, held so until the transaction ends."""
    found = session.execute(
        select(TENANTS.c.id)
        .where(TENANTS.c.id == session.tenant_id, TENANTS.c.purge_after < clock.now())
        .with_for_update(key_share=True)
    )
    return found.one_or_none() is not None


def drop_purged_tenant(session: Session, tenant_id: UUID) -> None:
    """Forget an install record that left for good; a site that still has the app only lost its data."""
    is_over = (TENANTS.c.id == tenant_id, TENANTS.c.purge_after < clock.now())
    session.execute(delete(TENANTS).where(*is_over, TENANTS.c.state == State.UNINSTALLED.value))
    session.execute(update(TENANTS).where(*is_over).values(purge_after=None))


def drop_integration(session: Session, integration_id: UUID) -> None:
    """The last step of a deletion."""
    session.execute(delete(INTEGRATIONS).where(INTEGRATIONS.c.id == integration_id))
