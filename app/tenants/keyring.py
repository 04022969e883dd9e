"""The secrets of tenants: sealed at rest, and opened only here, for their own tenant."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import orjson
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from app import clock, logs
from app.sources import Method
from app.store.schema import CREDENTIALS, INSTALLATIONS, TENANTS
from app.tenants.model import ApiToken, Arrival, State, Tenant, TokenKind
from app.vault import SealBroken

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Row, Select

    from app.store.session import Session, Store
    from app.vault import Vault

log = logs.get(__name__)

SHARED_SECRET = "shared_secret"  # noqa: S105 - the purpose's name, not the secret
API_TOKEN = "api_token"  # noqa: S105 - the purpose's name, not the token
OVERLAP = timedelta(minutes=15)
"""Validity of the previous secret after a rotation, for tokens issued before it: the life of a context token."""


class Secrets(NamedTuple):
    """A tenant's secret and, shortly after a rotation, the previous one. Never log it."""

    current: str
    previous: str | None = None
    rotated_at: datetime | None = None
    """The moment when the previous secret was replaced."""

    def previous_for(self, issued_at: int) -> str | None:
        """The previous secret, for a token with this `iat` (seconds); None for a token issued after the rotation."""
        is_before = self.rotated_at is not None and issued_at <= self.rotated_at.timestamp()
        return self.previous if is_before else None

    def __repr__(self) -> str:
        return "Secrets(…)"


class Rotation(NamedTuple):
    """The result of resealing all secrets."""

    resealed_count: int
    broken_ids: list[UUID]
    """Tenants with a secret that no key opens."""


class Keyring:
    """Stores and opens sealed secrets, tenant by tenant."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    def find(self, client_key: str) -> tuple[Tenant, Secrets] | None:
        """The tenant of a Connect client key and its secrets; None where the key is unknown or the tenant has left."""
        with self._store.unrestricted_unsafe() as session:
            row = session.execute(
                _tenants()
                .add_columns(CREDENTIALS.c.sealed, CREDENTIALS.c.previous_sealed, CREDENTIALS.c.previous_until)
                .join(CREDENTIALS, CREDENTIALS.c.tenant_id == TENANTS.c.id)
                .where(INSTALLATIONS.c.client_key == client_key, CREDENTIALS.c.purpose == SHARED_SECRET)
            ).one_or_none()
        if row is None:
            return None
        tenant = tenant_from(row)
        try:
            return tenant, self._open(tenant.id, row)
        except SealBroken:
            log.exception(
                "a sealed secret does not open: restore its key, or have the app re-installed", tenant=str(tenant.id)
            )
            return None

    def open_for(self, session: Session, tenant_id: UUID) -> Secrets | None:
        """The secrets of a tenant, in a session bound to it; None after an uninstall. Raises SealBroken."""
        row = session.execute(
            select(CREDENTIALS).where(CREDENTIALS.c.tenant_id == tenant_id, CREDENTIALS.c.purpose == SHARED_SECRET)
        ).one_or_none()
        return None if row is None else self._open(tenant_id, row)

    def keep(self, session: Session, tenant_id: UUID, secret: str) -> None:
        """Seal a secret for a tenant; the replaced one stays valid for the overlap."""
        try:
            stored_secrets = self.open_for(session, tenant_id)
        except SealBroken:
            self.destroy(session, tenant_id)
            stored_secrets = None
        if stored_secrets is not None and stored_secrets.current == secret:
            return
        now = clock.now()
        sealed_secret = self._vault.seal(secret, owner=str(tenant_id), purpose=SHARED_SECRET)
        session.execute(
            insert(CREDENTIALS)
            .values(tenant_id=tenant_id, purpose=SHARED_SECRET, sealed=sealed_secret, updated_at=now)
            .on_conflict_do_update(
                index_elements=["tenant_id", "purpose"],
                set_={
                    "sealed": sealed_secret,
                    "previous_sealed": CREDENTIALS.c.sealed,
                    "previous_until": now + OVERLAP,
                    "updated_at": now,
                },
            )
        )

    def keep_token(self, session: Session, tenant_id: UUID, arrival: Arrival) -> None:
        """Seal an API token for a tenant in place of the one before.

        Its address is sealed with it: a tenant's own may change by an `installed` call, whose body isn't signed.
        """
        token = arrival.token
        parts = {"url": arrival.base_url, "cloud_id": arrival.cloud_id, "email": token.email, "token": token.token}
        values = {
            "sealed": self._vault.seal(orjson.dumps(parts).decode(), owner=str(tenant_id), purpose=API_TOKEN),
            "updated_at": clock.now(),
            "holder": token.email,
            "kind": token.kind.value,
            "expires_at": token.expires_at,
        }
        session.execute(
            insert(CREDENTIALS)
            .values(tenant_id=tenant_id, purpose=API_TOKEN, **values)
            .on_conflict_do_update(index_elements=["tenant_id", "purpose"], set_=values)
        )

    def token_for(self, session: Session, tenant_id: UUID) -> Arrival | None:
        """The API token of a tenant with its address, in a session bound to it; None without one, or where no key opens it."""
        row = session.execute(
            select(CREDENTIALS).where(CREDENTIALS.c.tenant_id == tenant_id, CREDENTIALS.c.purpose == API_TOKEN)
        ).one_or_none()
        if row is None:
            return None
        try:
            parts = orjson.loads(self._vault.open(row.sealed, owner=str(tenant_id), purpose=API_TOKEN))
        except SealBroken:
            log.exception("an API token does not open: restore its key, or give another token", tenant=str(tenant_id))
            return None
        token = ApiToken(parts["email"], parts["token"], TokenKind(row.kind), row.expires_at)
        return Arrival(parts["url"], parts["cloud_id"], token)

    def destroy(self, session: Session, tenant_id: UUID) -> None:
        """Delete the app's secrets of a tenant at once."""
        is_apps = (CREDENTIALS.c.tenant_id == tenant_id, CREDENTIALS.c.purpose == SHARED_SECRET)
        session.execute(delete(CREDENTIALS).where(*is_apps))

    def rotate(self) -> Rotation:
        """Reseal with the newest key every secret sealed with an older one, tenant by tenant; safe at any time."""
        with self._store.unrestricted_unsafe() as session:
            tenant_ids = session.execute(select(CREDENTIALS.c.tenant_id).distinct()).scalars().all()
        resealed_count, broken_ids = 0, []
        for tenant_id in tenant_ids:
            count, is_whole = self._rotate_of(tenant_id)
            resealed_count += count
            if not is_whole:
                broken_ids.append(tenant_id)
        return Rotation(resealed_count, broken_ids)

    def _rotate_of(self, tenant_id: UUID) -> tuple[int, bool]:
        """Reseal one tenant's secrets. Returns their number, and whether all of them opened."""
        count, is_whole = 0, True
        with self._store.bound_to(tenant_id) as session:
            # Under row locks: a secret that Jira rotates meanwhile is not overwritten.
            columns = CREDENTIALS.c["tenant_id", "purpose", "sealed", "previous_sealed"]
            for row in session.execute(select(*columns).with_for_update()).all():
                for name in ("sealed", "previous_sealed"):
                    try:
                        count += self._reseal(session, row, name)
                    except SealBroken:
                        is_whole = False
        return count, is_whole

    def _reseal(self, session: Session, row: Row[tuple[object, ...]], name: str) -> int:
        """Reseal one column of a row. Returns the number of changed secrets, raises SealBroken."""
        sealed_secret = getattr(row, name)
        if sealed_secret is None or not self._vault.is_stale(sealed_secret):
            return 0
        fresh = {name: self._seal_again(row.tenant_id, row.purpose, sealed_secret)}
        at = (CREDENTIALS.c.tenant_id == row.tenant_id, CREDENTIALS.c.purpose == row.purpose)
        session.execute(update(CREDENTIALS).where(*at).values(**fresh))
        return 1

    def _seal_again(self, tenant_id: UUID, purpose: str, sealed_secret: str) -> str:
        secret = self._vault.open(sealed_secret, owner=str(tenant_id), purpose=purpose)
        return self._vault.seal(secret, owner=str(tenant_id), purpose=purpose)

    def _open(self, tenant_id: UUID, row: Row[tuple[object, ...]]) -> Secrets:
        owner = str(tenant_id)
        current = self._vault.open(row.sealed, owner=owner, purpose=SHARED_SECRET)
        if not row.previous_sealed or not row.previous_until or row.previous_until <= clock.now():
            return Secrets(current)
        previous = self._vault.open(row.previous_sealed, owner=owner, purpose=SHARED_SECRET)
        return Secrets(current, previous, row.previous_until - OVERLAP)


def changed_at(session: Session) -> datetime | None:
    """When the newest credential of the session's tenant was stored; None without one."""
    newest = select(func.max(CREDENTIALS.c.updated_at)).where(CREDENTIALS.c.tenant_id == session.tenant_id)
    moment: datetime | None = session.execute(newest).scalar_one()
    return moment


def tenant_by_id(session: Session, tenant_id: UUID) -> Tenant | None:
    """A tenant by its id; None where there is none."""
    row = session.execute(_tenants().where(TENANTS.c.id == tenant_id)).one_or_none()
    return None if row is None else tenant_from(row)


def _tenants() -> Select[tuple[object, ...]]:
    return select(TENANTS, INSTALLATIONS.c.client_key).outerjoin(
        INSTALLATIONS, INSTALLATIONS.c.tenant_id == TENANTS.c.id
    )


def tenant_from(row: Row[tuple[object, ...]]) -> Tenant:
    """The tenant in a row of `_tenants()`."""
    return Tenant(
        row.id,
        row.product,
        row.base_url,
        row.display_url,
        State(row.state),
        row.client_key,
        Method(row.method),
    )
