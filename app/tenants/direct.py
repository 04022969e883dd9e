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


def drop_token(session: Session, *, rows_stay: bool) -> None:
    """Destroy the token of the session's tenant. The app's last hook decides about its state from now on.

    Rows that the app may not see must not reach the account that is paired next: unless `rows_stay`, they are erased first, and
    the tenant keeps its method until then.
    """
    is_ours = TENANTS.c.id == session.tenant_id
    session.execute(
        delete(CREDENTIALS).where(CREDENTIALS.c.tenant_id == session.tenant_id, CREDENTIALS.c.purpose == API_TOKEN)
    )
    values: dict[str, object] = {"state": _STATES.get(_last_hook(session), State.UNINSTALLED).value}
    values |= {"method": Method.CONNECT_APP.value} if rows_stay else {"purge_after": clock.now()}
    session.execute(update(TENANTS).where(is_ours).values(**values))


_STATES: dict[int | None, State] = {
    Hook.INSTALLED.rank: State.ACTIVE,
    Hook.ENABLED.rank: State.ACTIVE,
    Hook.DISABLED.rank: State.DISABLED,
}
"""A tenant's state by the rank of the app's last hook; without the app it is uninstalled."""


def lock(session: Session) -> bool:
    """Lock the session's tenant in the order of the hooks: installation, tenant. Returns whether the app is enabled."""
    is_ours = INSTALLATIONS.c.tenant_id == session.tenant_id
    session.execute(select(INSTALLATIONS.c.protocol).where(is_ours).with_for_update())
    session.execute(select(TENANTS.c.id).where(TENANTS.c.id == session.tenant_id).with_for_update(key_share=True))
    return _STATES.get(_last_hook(session)) is State.ACTIVE


def is_being_left(session: Session) -> bool:
    """Whether rows that a token read wait for their erasure."""
    token = exists().where(CREDENTIALS.c.tenant_id == TENANTS.c.id, CREDENTIALS.c.purpose == API_TOKEN)
    is_left = (TENANTS.c.id == session.tenant_id, TENANTS.c.method == Method.API_TOKEN.value, ~token)
    return session.execute(select(TENANTS.c.id).where(*is_left)).one_or_none() is not None


def _last_hook(session: Session) -> int | None:
    """Rank of the last hook that was applied; None without an installation."""
    rank = select(INSTALLATIONS.c.lifecycle_rank).where(INSTALLATIONS.c.tenant_id == session.tenant_id)
    return session.execute(rank).scalar_one_or_none()


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
