"""Tenants that an API token opens, and tokens in place of the app's signature."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, select, update

from app import clock
from app.sources import Method
from app.store.schema import CREDENTIALS, INSTALLATIONS, TENANTS
from app.tenants.keyring import API_TOKEN
from app.tenants.model import Hook, State

if TYPE_CHECKING:
    from app.sources import Product
    from app.store.session import Session
    from app.tenants.keyring import Keyring
    from app.tenants.model import Arrival


def found(session: Session, keyring: Keyring, product: Product, arrival: Arrival) -> None:
    """Make the session's tenant, which has no row yet, from a site and its token."""
    site = {"product": product.value, "base_url": arrival.base_url, "state": State.ACTIVE.value}
    session.execute(TENANTS.insert().values(id=session.tenant_id, method=Method.API_TOKEN.value, **site))
    keyring.keep_token(session, session.tenant_id, arrival)


def switch(session: Session, keyring: Keyring, arrival: Arrival) -> None:
    """Read the session's tenant with a token from now on. An address that the app's install brought stays."""
    is_ours = TENANTS.c.id == session.tenant_id
    values = {"method": Method.API_TOKEN.value, "state": State.ACTIVE.value, "purge_after": None}
    session.execute(update(TENANTS).where(is_ours).values(**values))
    has_app = exists().where(INSTALLATIONS.c.tenant_id == TENANTS.c.id)
    session.execute(update(TENANTS).where(is_ours, ~has_app).values(base_url=arrival.base_url))
    keyring.keep_token(session, session.tenant_id, arrival)


def drop_token(session: Session) -> None:
    """Destroy the token of the session's tenant; only the app may read the site from now on."""
    session.execute(
        delete(CREDENTIALS).where(CREDENTIALS.c.tenant_id == session.tenant_id, CREDENTIALS.c.purpose == API_TOKEN)
    )
    session.execute(update(TENANTS).where(TENANTS.c.id == session.tenant_id).values(method=Method.CONNECT_APP.value))


def has_app(session: Session) -> bool:
    """Whether the app is installed and enabled on the session's site."""
    rank = select(INSTALLATIONS.c.lifecycle_rank).where(INSTALLATIONS.c.tenant_id == session.tenant_id)
    last_hook = session.execute(rank).scalar_one_or_none()
    return last_hook is not None and last_hook < Hook.DISABLED.rank


def token_of(session: Session) -> dict[str, object] | None:
    """Account, kind and end of the tenant's token, and the days until then, for people; None where it has none."""
    row = session.execute(
        select(CREDENTIALS.c.holder, CREDENTIALS.c.kind, CREDENTIALS.c.expires_at).where(
            CREDENTIALS.c.tenant_id == session.tenant_id, CREDENTIALS.c.purpose == API_TOKEN
        )
    ).one_or_none()
    if row is None:
        return None
    remaining_days = (
        None if row.expires_at is None else max(0, math.ceil((row.expires_at - clock.now()) / timedelta(days=1)))
    )
    return {**row._asdict(), "remaining_days": remaining_days}
