"""A Jira admin pastes the password: one atomic claim in Redis, one transaction in PostgreSQL.

    claim ──► transaction ──► burn
      │            │            └ died here: PostgreSQL has the redemption, the password is spent
      │            └ died here: rolled back; the claim runs out, the password is good again
      └ died here: likewise

PostgreSQL's unique `otp_digest` is what makes it once, even if Redis loses or repeats everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from app import clock, jobs, logs
from app.errors import AppError, Conflicting, Gone, Missing, Unavailable, Unproven
from app.integrations import ledger
from app.integrations.model import Integration, State
from app.pairing import password
from app.pairing.unpair import let_go
from app.store.schema import REDEMPTIONS, TENANTS
from app.tenants.model import State as TenantState

if TYPE_CHECKING:
    from uuid import UUID

    from app.pairing.attempts import Attempts
    from app.pairing.otp_store import Claim, OtpStore
    from app.store.session import Session, Store
    from app.vault import Vault

log = logs.get(__name__)

REFUSAL = "This key is wrong, was used already, or has expired. Ask your SEI admin for a new one."
"""One answer for all three, so that it tells a guesser nothing."""


@dataclass(frozen=True)
class Pairing:
    """Which integration a site is paired with now."""

    integration: Integration


class Redemption:
    """Pairs a site with the integration whose password is pasted."""

    def __init__(self, store: Store, vault: Vault, otp_store: OtpStore, attempts: Attempts) -> None:
        self._store = store
        self._vault = vault
        self._otp_store = otp_store
        self._attempts = attempts

    def redeem(self, tenant_id: UUID, account_id: str, typed: str, *, replace: bool) -> Pairing:
        """Pair. The caller has proven to administer the site.

        Raises Gone (wrong, used, expired), Conflicting (paired elsewhere and not `replace`), TooMany, Unavailable.
        """
        self._attempts.count_redemption(tenant_id, account_id)
        known = password.normal(typed)
        claim = self._otp_store.claim(password.digests(self._vault, known)) if known else None
        if claim is None:
            raise Gone(REFUSAL)
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
            integration = _still_wanted(session, claim)
            _spend(session, claim)
            _make_room(session, integration, replace=replace)
            ledger.move_to(
                session,
                integration.id,
                State.BACKFILLING,
                tenant_id=tenant_id,
                paired_by=account_id,
                paired_at=clock.now(),
                verified_at=None,
            )
            session.execute(update(TENANTS).where(TENANTS.c.id == tenant_id).values(purge_after=None))
            session.enqueue(jobs.PLAN, str(tenant_id))
            return Pairing(ledger.get(session, integration.id))

    def _tidy(self, act: object, claim: Claim) -> None:
        """What is only tidying must not undo what is durable."""
        try:
            act(claim)  # type: ignore[operator]  # bound methods of the drawer
        except Unavailable:
            log.warning("redis was away after a redemption", integration_id=str(claim.integration_id))


def _require_active(session: Session) -> None:
    """The site must still have the app when the pairing commits; the row lock holds an uninstall back until then."""
    state = session.execute(
        select(TENANTS.c.state).where(TENANTS.c.id == session.tenant_id).with_for_update(key_share=True)
    ).scalar_one_or_none()
    if state != TenantState.ACTIVE.value:
        raise Unproven("the app is not active on this site")


def _still_wanted(session: Session, claim: Claim) -> Integration:
    """The password's integration, locked. Raises Gone where it was deleted since."""
    try:
        integration = ledger.get(session, claim.integration_id, lock=True)
    except Missing:
        raise Gone(REFUSAL) from None
    if integration.state is State.DELETING:
        raise Gone(REFUSAL)
    return integration


def _spend(session: Session, claim: Claim) -> None:
    is_first = session.changed(
        insert(REDEMPTIONS)
        .values(tenant_id=session.tenant_id, otp_digest=claim.digest, integration_id=claim.integration_id)
        .on_conflict_do_nothing()
    )
    if not is_first:
        raise Gone(REFUSAL)


def _make_room(session: Session, integration: Integration, *, replace: bool) -> None:
    """Both ends must be free, or the admin has said that the old pairing may go."""
    held = ledger.of_tenant(session, lock=True)
    if held is not None and held.id != integration.id:
        if held.state is State.DELETING:
            raise Conflicting("The site's former connection is being erased. Try again in a few minutes.")
        if held.state is not State.DISCONNECTED and not replace:
            raise Conflicting(f"This site is already paired with “{held.name}”. Confirm to replace it.")
        let_go(session, held, reason="A Jira admin paired the site with another integration.")
    if (
        integration.tenant_id not in (None, session.tenant_id)
        and integration.state is not State.DISCONNECTED
        and not replace
    ):
        raise Conflicting("This key's integration is already paired with another site. Confirm to move it here.")
