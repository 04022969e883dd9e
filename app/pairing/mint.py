"""Mints an integration's password for an SEI admin; a new password revokes the old one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from app import clock
from app.conditions import Code
from app.errors import Conflicting
from app.integrations import ledger
from app.integrations.model import State
from app.pairing import password
from app.sources import Method

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from app.pairing.attempts import Attempts
    from app.pairing.otp_store import OtpStore
    from app.store.session import Store
    from app.vault import Vault


@dataclass(frozen=True)
class MintedPassword:
    """A password, shown once. Never log it."""

    otp: str
    expires_at: datetime
    expires_in: int

    def __repr__(self) -> str:
        return f"MintedPassword(…, {self.expires_at})"


class Mint:
    """Mints passwords."""

    def __init__(
        self, store: Store, vault: Vault, otp_store: OtpStore, attempts: Attempts, *, ttl_seconds: int
    ) -> None:
        self._store = store
        self._vault = vault
        self._otp_store = otp_store
        self._attempts = attempts
        self._ttl = ttl_seconds

    def mint(self, account_id: UUID, integration_id: UUID) -> MintedPassword:
        """Mint a password for one of the account's integrations. Raises Missing, Conflicting, TooMany, Unavailable."""
        with self._store.bound_to_account(account_id) as session:
            integration = ledger.get(session, integration_id)
        if integration.method is not Method.CONNECT_APP and integration.tenant_id is not None:
            raise Conflicting(Code.NO_KEY_NEEDED)
        if integration.state is State.DELETING:
            raise Conflicting(Code.DELETING)
        self._attempts.count_mint(account_id)
        otp = password.make()
        digest = password.digests(self._vault, password.normal(otp) or "")[0]
        expires_at = clock.now() + timedelta(seconds=self._ttl)
        self._otp_store.put(digest, integration_id=integration_id, account_id=account_id, ttl_seconds=self._ttl)
        return MintedPassword(otp, expires_at, self._ttl)
