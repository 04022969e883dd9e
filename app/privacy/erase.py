"""Erases a tenant's data in batches of one transaction each, so an interrupted run resumes; and people's given addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, select, update

from app import clock
from app.sources import Method
from app.store.people import FORMER_EMAILS, PEOPLE_EMAILS
from app.store.schema import CREDENTIALS, INSTALLATIONS, INTEGRATIONS, REDEMPTIONS, TENANTS
from app.store.tables import tenant_owned
from app.tenants.model import Hook, State

if TYPE_CHECKING:
    from uuid import UUID

    from app.store.session import Session, Store

BATCH = 5000
INSTALL_RECORD_TABLES = (INSTALLATIONS, CREDENTIALS, REDEMPTIONS)
"""Tables of the install record, not of the data: the app stays installed when an integration is deleted."""


def erase_tenant_data(store: Store, tenant_id: UUID, *, is_purge: bool = False) -> int:
    """Erase every row read from the tenant's site. Returns their number.

    A purge stops when somebody pairs the site again meanwhile.
    """
    erased_count = 0
    for table in tenant_owned():
        if table in INSTALL_RECORD_TABLES:
            continue
        while True:
            with store.bound_to(tenant_id) as session:
                if is_purge and not _is_due(session):
                    return erased_count
                keys = list(table.primary_key.columns)
                batch = select(*keys).where(table.c.tenant_id == tenant_id).limit(BATCH).cte("batch")
                matches = [column == batch.c[column.name] for column in keys]
                batch_count = session.changed(delete(table).where(*matches))
            erased_count += batch_count
            if batch_count < BATCH:
                break
    return erased_count


def _is_due(session: Session) -> bool:
    """Whether the grace period is over; the row lock keeps it over until the transaction ends."""
    due_tenant = session.execute(
        select(TENANTS.c.id)
        .where(TENANTS.c.id == session.tenant_id, TENANTS.c.purge_after < clock.now())
        .with_for_update(key_share=True)
    )
    return due_tenant.one_or_none() is not None


def drop_purged_tenant(session: Session, tenant_id: UUID) -> None:
    """Delete the install record of an uninstalled site; a site with the app has only lost its data."""
    is_over = (TENANTS.c.id == tenant_id, TENANTS.c.purge_after < clock.now())
    session.execute(delete(TENANTS).where(*is_over, TENANTS.c.state == State.UNINSTALLED.value))
    session.execute(update(TENANTS).where(*is_over).values(purge_after=None, method=Method.CONNECT_APP.value))


def drop_tenant_without_app(session: Session, tenant_id: UUID) -> None:
    """Delete the record of a site that only a token opened. A site that has the app keeps its install record."""
    is_there = INSTALLATIONS.c.lifecycle_rank < Hook.UNINSTALLED.rank
    has_app = exists().where(INSTALLATIONS.c.tenant_id == TENANTS.c.id, is_there)
    session.execute(delete(TENANTS).where(TENANTS.c.id == tenant_id, ~has_app))


def erase_given_emails(session: Session, person_id: str) -> int:
    """Erase the addresses that SEI accounts gave for an Atlassian account, former ones included. Returns their number.

    The session is unrestricted. An undo of an import holds the former ones until it ends, so they go first.
    """
    tables = (FORMER_EMAILS, PEOPLE_EMAILS)
    return sum(session.changed(delete(table).where(table.c.person_id == person_id)) for table in tables)


def drop_integration(session: Session, integration_id: UUID) -> None:
    """Delete the integration itself, the last step of its deletion."""
    session.execute(delete(INTEGRATIONS).where(INTEGRATIONS.c.id == integration_id))
