"""Erases a tenant's data in batches, each a transaction: stopped anywhere, it goes on where it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from app.store.schema import CREDENTIALS, INSTALLATIONS, INTEGRATIONS, REDEMPTIONS
from app.store.tables import tenant_owned

if TYPE_CHECKING:
    from uuid import UUID

    from app.store.session import Session, Store

BATCH = 5000
KEPT = (INSTALLATIONS, CREDENTIALS, REDEMPTIONS)
"""What belongs to the install record, not to the data: the app stays installed when an integration is deleted."""


def erase_tenant_data(store: Store, tenant_id: UUID) -> int:
    """Erase every row taken from the tenant's site. Returns how many."""
    erased = 0
    for table in tenant_owned():
        if table in KEPT:
            continue
        while True:
            with store.bound_to(tenant_id) as session:
                keys = list(table.primary_key.columns)
                batch = select(*keys).where(table.c.tenant_id == tenant_id).limit(BATCH).cte("batch")
                matches = [column == batch.c[column.name] for column in keys]
                gone = session.changed(delete(table).where(*matches))
            erased += gone
            if gone < BATCH:
                break
    return erased


def drop_integration(session: Session, integration_id: UUID) -> None:
    """The last step of a deletion."""
    session.execute(delete(INTEGRATIONS).where(INTEGRATIONS.c.id == integration_id))
