"""The redemption of a pasted password: one atomic claim in Redis, one transaction in PostgreSQL.

    claim ──► transaction ──► burn
      │            │            └ died here: PostgreSQL has the redemption, the password is spent
      │            └ died here: rolled back; the claim expires, the password is valid again
      └ died here: likewise

PostgreSQL's unique `otp_digest` guarantees a single redemption, even if Redis loses or repeats everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from app import clock, jobs, logs
from app.conditions import Code, Condition
from app.errors import AppError, Conflicting, Gone, Missing, Unavailable, Unproven
from app.integrations import ledger
from app.integrations.model import Integration, State
from app.pairing import password
from app.pairing.unpair import let_go
from app.sources import Method
from app.store.schema import REDEMPTIONS, TENANTS
from app.tenants import direct
from app.tenants.model import State as TenantState

if TYPE_CHECKING:
    from uuid import UUID

    from app.pairing.attempts import Attempts
    from app.pairing.otp_store import Claim, OtpStore
    from app.store.session import Session, Store
    from app.vault import Vault

log = logs.get(__name__)


@dataclass(frozen=True)
class Pairing:
    """The result of a redemption."""

    integration: Integration


class Redemption:
    """Pairs a site with the integration of a pasted password."""

    def __init__(self, store: Store, vault: Vault, otp_store: OtpStore, attempts: Attempts) -> None:
        self._store = store
        self._vault = vault
        self._otp_store = otp_store
        self._attempts = attempts

    def redeem(self, tenant_id: UUID, account_id: str, pasted_text: str, *, replace: bool) -> Pairing:
        """Pair the site. The caller has proven to administer it.

        Raises Gone (wrong, used, expired), Conflicting (paired elsewhere and not `replace`), TooMany, Unavailable.
        """
        self._attempts.count_redemption(tenant_id, account_id)
        otp = password.normal(pasted_text)
        claim = self._otp_store.claim(password.digests(self._vault, otp)) if otp else None
        if claim is None:
            raise Gone(Code.KEY_REFUSED)
        try:
            pairing = self._pair(claim, tenant_id, account_id, replace=replace)
        except Gone:
            self._tidy(self._otp_store.burn, claim)
            raise
        except (AppError, OSError):
            self._tidy(self._otp_store.release, claim)
            raise
        self._tidy(self._otp_store.burn, claim)
        self._tidy(lambda _: self._attempts.forgive(tenant_id, account_id), claim)
        log.info("paired", tenant_id=str(tenant_id), integration_id=str(claim.integration_id))
        return pairing

    def _pair(self, claim: Claim, tenant_id: UUID, account_id: str, *, replace: bool) -> Pairing:
        with self._store.bound_to(tenant_id, account_id=claim.account_id) as session:
            _require_active(session)
            if direct.is_being_left(session):
                raise Conflicting(Code.BEING_ERASED)
            integration = _lock_integration(session, claim)
            _spend(session, claim)
            _make_room(session, integration, replace=replace)
            ledger.move_to(
                session,
                integration.id,
                State.BACKFILLING,
                method=Method.CONNECT_APP.value,
                tenant_id=tenant_id,
                paired_by=account_id,
                paired_at=clock.now(),
                verified_at=None,
            )
            session.execute(update(TENANTS).where(TENANTS.c.id == tenant_id).values(purge_after=None))
            session.enqueue(jobs.PLAN, str(tenant_id))
            return Pairing(ledger.get(session, integration.id))

    def _tidy(self, act: object, claim: Claim) -> None:
        """Clean up in Redis. A failure must not undo the durable pairing."""
        try:
            act(claim)  # type: ignore[operator]  # bound methods of the store
        except Unavailable:
            log.warning("redis was away after a redemption", integration_id=str(claim.integration_id))


def _require_active(session: Session) -> None:
    """Require that the site has the app; the row lock delays an uninstall until the pairing commits. Raises Unproven."""
    state = session.execute(
        select(TENANTS.c.state).where(TENANTS.c.id == session.tenant_id).with_for_update(key_share=True)
    ).scalar_one_or_none()
    if state != TenantState.ACTIVE.value:
        raise Unproven("the app is not active on this site")


def _lock_integration(session: Session, claim: Claim) -> Integration:
    """The password's integration, locked. Raises Gone if it was deleted meanwhile, or reads its site with a token."""
    try:
        integration = ledger.get(session, claim.integration_id, lock=True)
    except Missing:
        raise Gone(Code.KEY_REFUSED) from None
    is_by_token = integration.tenant_id is not None and integration.method is not Method.CONNECT_APP
    if integration.state is State.DELETING or is_by_token:
        raise Gone(Code.KEY_REFUSED)
    return integration


def _spend(session: Session, claim: Claim) -> None:
    is_first = session.changed(
        insert(REDEMPTIONS)
        .values(tenant_id=session.tenant_id, otp_digest=claim.digest, integration_id=claim.integration_id)
        .on_conflict_do_nothing()
    )
    if not is_first:
        raise Gone(Code.KEY_REFUSED)


def _make_room(session: Session, integration: Integration, *, replace: bool) -> None:
    """Free both ends of the pairing. Raises Conflicting where the admin has not agreed to replace the old one."""
    site_integration = ledger.of_tenant(session, lock=True)
    if site_integration is not None and site_integration.id != integration.id:
        if site_integration.state is State.DELETING:
            raise Conflicting(Code.BEING_ERASED)
        if site_integration.method is not Method.CONNECT_APP:
            raise Conflicting(Code.SITE_READ_BY_TOKEN, name=site_integration.name)
        if site_integration.state is not State.DISCONNECTED and not replace:
            raise Conflicting(Code.SITE_PAIRED, name=site_integration.name)
        let_go(session, site_integration, reason=Condition(Code.REPLACED))
    if (
        integration.tenant_id not in (None, session.tenant_id)
        and integration.state is not State.DISCONNECTED
        and not replace
    ):
        raise Conflicting(Code.INTEGRATION_PAIRED)
