"""Without Redis there is no pairing and no sign-in, since attempts can't be counted."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from redis import Redis

from app.errors import Unavailable
from app.pairing import password
from app.pairing.attempts import Attempts
from app.pairing.mint import Mint
from app.pairing.otp_store import OtpStore
from app.pairing.redeem import Redemption
from app.vault import Vault
from app.web import sessions
from tests.factories import an_account, an_installed_site, an_integration

if TYPE_CHECKING:
    from app.runtime import Runtime

UNREACHABLE_REDIS = Redis.from_url("redis://127.0.0.1:1/0")
TENANT_ID = UUID(int=1)


def test_a_try_that_cannot_be_counted_is_refused() -> None:
    attempts = Attempts(UNREACHABLE_REDIS)
    with pytest.raises(Unavailable):
        attempts.count_redemption(TENANT_ID, "admin-1")
    with pytest.raises(Unavailable):
        attempts.count_mint(TENANT_ID)
    with pytest.raises(Unavailable):
        attempts.count_login("192.0.2.1", "sei_abcdefgh")


def test_no_password_is_made_or_taken(parts: Runtime) -> None:
    vault, otp_store, attempts = Vault([b"k" * 32]), OtpStore(UNREACHABLE_REDIS), Attempts(UNREACHABLE_REDIS)
    account, _ = an_account(parts)
    integration = an_integration(parts, account)
    site = an_installed_site(parts)
    with pytest.raises(Unavailable):
        Mint(parts.store, vault, otp_store, attempts, ttl_seconds=600).mint(account.id, integration.id)
    with pytest.raises(Unavailable):
        Redemption(parts.store, vault, otp_store, attempts).redeem(
            site.tenant_id, "admin-1", password.make(), replace=False
        )


def test_no_console_session_is_good() -> None:
    with pytest.raises(Unavailable):
        sessions.is_good(UNREACHABLE_REDIS, "some-session")
    with pytest.raises(Unavailable):
        sessions.begin(UNREACHABLE_REDIS)
