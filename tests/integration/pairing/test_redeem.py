"""The one-time password: valid once, for one site, even after crashes."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from app import clock
from app.conditions import Code, Condition
from app.errors import Conflicting, Gone, Missing, TooMany, Unproven
from app.integrations import ledger
from app.integrations.model import State
from app.pairing import otp_store
from app.pairing.unpair import unpair
from app.store.schema import INTEGRATIONS, REDEMPTIONS
from app.tenants import depart
from tests.factories import InstalledSite, an_account, an_installed_site, an_integration

if TYPE_CHECKING:
    from app.integrations.accounts import Account
    from app.integrations.model import Integration
    from app.runtime import Runtime

ROOT = Path(__file__).parents[3]


@pytest.fixture
def account(parts: Runtime) -> Account:
    return an_account(parts)[0]


@pytest.fixture
def integration(parts: Runtime, account: Account) -> Integration:
    return an_integration(parts, account)


@pytest.fixture
def site(parts: Runtime) -> InstalledSite:
    return an_installed_site(parts)


@pytest.fixture
def otp(parts: Runtime, account: Account, integration: Integration) -> str:
    return parts.mint.mint(account.id, integration.id).otp


def redeem(parts: Runtime, site: InstalledSite, otp: str, *, by: str = "admin-1", replace: bool = False) -> Integration:
    return parts.redemption.redeem(site.tenant_id, by, otp, replace=replace).integration


def start_redeemer(
    database_url: str, redis_url: str, sites: list[InstalledSite], otp: str, *, tries: int = 1, dies_at: str = "-"
) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.pairing.redeemer", database_url, redis_url, otp, str(tries), dies_at,
         *(str(site.tenant_id) for site in sites)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def redemptions_of(parts: Runtime, integration: Integration) -> int:
    with parts.store.unrestricted_unsafe() as session:
        query = select(func.count()).where(REDEMPTIONS.c.integration_id == integration.id)
        return int(session.execute(query).scalar_one())


def test_a_pasted_password_pairs_the_site_with_its_integration(
    parts: Runtime, site: InstalledSite, otp: str, integration: Integration
) -> None:
    pairing = redeem(parts, site, otp)
    assert (pairing.id, pairing.tenant_id, pairing.state, pairing.paired_by) == (
        integration.id,
        site.tenant_id,
        State.BACKFILLING,
        "admin-1",
    )


def test_case_spaces_and_hyphens_are_forgiven(parts: Runtime, site: InstalledSite, otp: str) -> None:
    assert redeem(parts, site, f"  {otp.replace('-', ' ').lower()}\n").tenant_id == site.tenant_id


def test_redis_holds_only_a_keyed_hash(parts: Runtime, otp: str) -> None:
    signs = otp.replace("-", "").encode()
    for key in parts.redis.scan_iter("*"):
        assert signs not in key
        if parts.redis.type(key) == b"hash":
            assert all(signs not in value for value in parts.redis.hgetall(key).values())


def test_a_used_password_is_worthless_even_to_the_same_site(parts: Runtime, site: InstalledSite, otp: str) -> None:
    redeem(parts, site, otp)
    with pytest.raises(Gone):
        redeem(parts, site, otp)
    with pytest.raises(Gone):
        redeem(parts, an_installed_site(parts), otp)


def test_wrong_used_and_expired_are_one_answer(
    parts: Runtime, site: InstalledSite, account: Account, integration: Integration, otp: str
) -> None:
    answers = set()
    expired_otp = parts.mint.mint(account.id, integration.id)
    for key in parts.redis.scan_iter("otp:*"):
        parts.redis.pexpire(key, 1)
    time.sleep(0.01)
    used_otp = parts.mint.mint(account.id, integration.id).otp
    redeem(parts, site, used_otp)
    for worthless in (expired_otp.otp, used_otp, "0000-0000-0000-0000", "not a key at all", "x" * 90):
        with pytest.raises(Gone) as failure:
            redeem(parts, site, worthless, by=f"admin-{len(answers)}-{worthless[:4]}")
        answers.add(str(failure.value))
    assert len(answers) == 1


def test_a_new_password_revokes_the_old(
    parts: Runtime, site: InstalledSite, account: Account, integration: Integration, otp: str
) -> None:
    fresh = parts.mint.mint(account.id, integration.id).otp
    with pytest.raises(Gone):
        redeem(parts, site, otp)
    assert redeem(parts, site, fresh).id == integration.id


def test_another_accounts_integration_does_not_exist(parts: Runtime, integration: Integration) -> None:
    with pytest.raises(Missing):
        parts.mint.mint(an_account(parts)[0].id, integration.id)


def test_the_sixth_try_of_a_user_waits(parts: Runtime, site: InstalledSite, otp: str) -> None:
    for _ in range(5):
        with pytest.raises(Gone):
            redeem(parts, site, "0000-0000-0000-0000", by="guesser")
    with pytest.raises(TooMany) as failure:
        redeem(parts, site, otp, by="guesser")
    assert 1 <= failure.value.retry_after <= 15 * 60
    assert redeem(parts, site, otp, by="colleague").tenant_id == site.tenant_id


def test_many_users_of_one_site_share_a_limit(parts: Runtime, site: InstalledSite, otp: str) -> None:
    for number in range(20):
        with pytest.raises(Gone):
            redeem(parts, site, "0000-0000-0000-0000", by=f"user-{number}")
    with pytest.raises(TooMany):
        redeem(parts, site, otp, by="user-21")


def test_an_atlassian_account_is_limited_across_sites(parts: Runtime, otp: str) -> None:
    for _ in range(10):
        with pytest.raises(Gone):
            redeem(parts, an_installed_site(parts), "0000-0000-0000-0000", by="traveller")
    with pytest.raises(TooMany):
        redeem(parts, an_installed_site(parts), otp, by="traveller")


def test_a_site_that_is_paired_elsewhere_needs_a_confirmation(
    parts: Runtime, site: InstalledSite, account: Account, integration: Integration, otp: str
) -> None:
    redeem(parts, site, otp)
    other_integration = an_integration(parts, account, "Other")
    fresh = parts.mint.mint(account.id, other_integration.id).otp
    with pytest.raises(Conflicting):
        redeem(parts, site, fresh)
    assert redeem(parts, site, fresh, replace=True).id == other_integration.id  # the refusal didn't use it up
    with parts.store.bound_to_account(account.id) as session:
        disconnected_integration = ledger.get(session, integration.id)
    assert (disconnected_integration.state, disconnected_integration.tenant_id) == (State.DISCONNECTED, None)


def test_a_disconnected_site_can_be_paired_again(
    parts: Runtime, site: InstalledSite, account: Account, integration: Integration, otp: str
) -> None:
    redeem(parts, site, otp)
    with parts.store.bound_to(site.tenant_id) as session:
        assert unpair(session, reason=Condition(Code.UNPAIRED))
    fresh = parts.mint.mint(account.id, integration.id).otp
    assert redeem(parts, site, fresh).state is State.BACKFILLING


def test_a_site_that_uninstalled_meanwhile_is_not_paired_and_the_password_stays_good(
    parts: Runtime, site: InstalledSite, otp: str
) -> None:
    with parts.store.unrestricted_unsafe() as session:
        depart.uninstall(session, parts.keyring, site.client_key, issued_at=clock.epoch() + 1)
    with pytest.raises(Unproven):
        redeem(parts, site, otp)
    assert redeem(parts, an_installed_site(parts), otp).state is State.BACKFILLING


def test_of_200_parallel_redemptions_from_8_processes_exactly_one_wins(
    parts: Runtime, database_url: str, redis_url: str, otp: str, integration: Integration
) -> None:
    sites = [an_installed_site(parts) for _ in range(8)]
    process = start_redeemer(database_url, redis_url, sites, otp, tries=25)
    answers = process.communicate("go\n")[0].split()
    assert len(answers) == 200
    assert answers.count("paired") == 1
    assert set(answers) == {"paired", "Gone"}
    assert redemptions_of(parts, integration) == 1
    with parts.store.unrestricted_unsafe() as session:
        record = ledger.get(session, integration.id)
        pairing_count = session.execute(
            select(func.count()).where(INTEGRATIONS.c.tenant_id.in_([site.tenant_id for site in sites]))
        ).scalar_one()
    assert (pairing_count, record.tenant_id in {site.tenant_id for site in sites}) == (1, True)


def test_killed_before_the_commit_the_password_is_good_again(
    parts: Runtime, database_url: str, redis_url: str, site: InstalledSite, otp: str, integration: Integration
) -> None:
    process = start_redeemer(database_url, redis_url, [site], otp, dies_at="before-commit")
    process.communicate("go\n")
    assert process.returncode == -9
    assert redemptions_of(parts, integration) == 0
    time.sleep(otp_store.CLAIM_MS / 1000 + 0.2)
    assert redeem(parts, site, otp).tenant_id == site.tenant_id


def test_killed_before_the_burn_the_site_is_paired_and_the_password_spent(
    parts: Runtime, database_url: str, redis_url: str, site: InstalledSite, otp: str, integration: Integration
) -> None:
    process = start_redeemer(database_url, redis_url, [site], otp, dies_at="before-burn")
    process.communicate("go\n")
    assert process.returncode == -9
    with parts.store.unrestricted_unsafe() as session:
        assert ledger.get(session, integration.id).tenant_id == site.tenant_id
    time.sleep(otp_store.CLAIM_MS / 1000 + 0.2)
    with pytest.raises(Gone):
        redeem(parts, an_installed_site(parts), otp)
    assert redemptions_of(parts, integration) == 1
