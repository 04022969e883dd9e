"""Lists for the operator, over all tenants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from app.store.schema import ACCOUNTS, INTEGRATIONS, TENANTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Row

    from app.store.session import Session


def tenants(session: Session) -> Sequence[Row[Any]]:
    """Every install record, oldest first."""
    return session.execute(select(TENANTS).order_by(TENANTS.c.created_at)).all()


def integrations(session: Session) -> Sequence[Row[Any]]:
    """Every integration with its account's name and its site's address, oldest first."""
    return session.execute(
        select(
            INTEGRATIONS.c.id,
            INTEGRATIONS.c.name,
            INTEGRATIONS.c.state,
            ACCOUNTS.c.name.label("account"),
            TENANTS.c.base_url,
        )
        .join(ACCOUNTS, ACCOUNTS.c.id == INTEGRATIONS.c.account_id)
        .outerjoin(TENANTS, TENANTS.c.id == INTEGRATIONS.c.tenant_id)
        .order_by(INTEGRATIONS.c.created_at)
    ).all()
