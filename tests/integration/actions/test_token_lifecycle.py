"""Tokens beside the app: hooks, one-time passwords and disconnections, one after the other and at once."""

from __future__ import annotations

import inspect
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import pytest
from sqlalchemy import func, select, update

from app import actions, clock
from app.catalog.registry import entity
from app.conditions import Code, Condition
from app.errors import Conflicting, Gone
from app.integrations import ledger
from app.integrations.model import State
from app.pairing import unpair
from app.sources import Method
from app.store import records
from app.store.schema import CREDENTIALS, TENANTS
from app.store.tables import table_of
from app.tenants import direct
from app.tenants.keyring import tenant_by_id
from app.tenants.model import ApiToken, Arrival
from tests.factories import an_account, an_install, an_installed_site, an_integration
from tests.integration.handoff.conftest import a_row
from workers import upkeep

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from app.runtime import Runtime
    from tests.integration.actions.conftest import Premises

LATE = 4_000_000_000
"""`iat` of a hook after all others."""
CLOUD_ID, OTHER_CLOUD_ID = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


class Standing(NamedTuple):
    """State and method of a tenant, whether its erasure is due some day, and the purposes of its credentials."""

    state: str
    method: str
    ends: bool
    purposes: frozenset[str]


def standing(parts: Runtime, tenant_id: UUID) -> Standing | None:
    with parts.store.unrestricted_unsafe() as session:
        tenant = session.execute(select(TENANTS).where(TENANTS.c.id == tenant_id)).one_or_none()
        purposes = session.execute(select(CREDENTIALS.c.purpose).where(CREDENTIALS.c.tenant_id == tenant_id)).scalars()
        if tenant is None:
            return None
        return Standing(tenant.state, tenant.method, tenant.purge_after is not None, frozenset(purposes))


def run(job: Callable[..., object], *arguments: object) -> None:
    """Run a job in this thread."""
    inspect.getclosurevars(job).nonlocals["work"](*arguments)


def an_arrival(premises: Premises, **changes: str | None) -> Arrival:
    return replace(Arrival(premises.site.base_url, CLOUD_ID, ApiToken("ann@acme.example", "token")), **changes)


def switch(premises: Premises) -> None:
    """Read the premises' site with a token, which no server checks."""
    parts, arrival = premises.parts, an_arrival(premises, cloud_id=None)
    actions.reauthenticate(
        parts.store, parts.direct_door, parts.keyring, premises.integration, arrival, is_unchecked=True
    )


def uninstall(premises: Premises) -> None:
    with premises.parts.store.unrestricted_unsafe() as session:
        actions.uninstalled(session, premises.parts.keyring, premises.site.client_key, issued_at=LATE)


def test_the_app_may_leave_a_site_that_a_token_reads(premises: Premises) -> None:
    switch(premises)
    with premises.parts.store.unrestricted_unsafe() as session:
        actions.disabled(session, premises.tenant_id, issued_at=LATE - 1)
    uninstall(premises)
    assert premises.integration.state is State.HEALTHY
    assert standing(premises.parts, premises.tenant_id) == ("active", "api_token", False, {"api_token"})
    assert premises.parts.sites.open(premises.tenant_id).address == premises.site.base_url
    with pytest.raises(Conflicting):
        actions.hand_back_to_app(premises.parts.store, premises.parts.sites, premises.integration, is_unchecked=True)


def test_a_token_stays_at_its_address_when_an_install_names_another(premises: Premises) -> None:
    """The body of `installed` isn't signed."""
    switch(premises)
    install = {"client_key": premises.site.client_key, "base_url": "https://elsewhere.atlassian.net"}
    with premises.parts.store.unrestricted_unsafe() as session:
        actions.installed(session, premises.parts.keyring, an_install(**install, issued_at=LATE))
    assert premises.parts.sites.open(premises.tenant_id).address == premises.site.base_url


@pytest.mark.parametrize(
    ("changes", "is_same"),
    [
        ({}, True),
        ({"base_url": "https://renamed.atlassian.net"}, True),
        ({"cloud_id": OTHER_CLOUD_ID}, False),
        ({"cloud_id": None}, True),
        ({"cloud_id": None, "base_url": "https://renamed.atlassian.net"}, False),
    ],
)
def test_atlassians_id_decides_about_a_site_and_the_checked_address_without_one(
    premises: Premises, changes: dict[str, str | None], is_same: bool
) -> None:
    parts, stored_arrival = premises.parts, an_arrival(premises)
    with parts.store.bound_to(premises.tenant_id) as session:
        tenant = tenant_by_id(session, premises.tenant_id)
    assert tenant is not None
    tenant = replace(tenant, base_url="https://elsewhere.atlassian.net")
    assert parts.direct_door.is_same_site(tenant, stored_arrival, an_arrival(premises, **changes)) is is_same


def test_a_password_from_before_the_token_pairs_nothing(premises: Premises) -> None:
    """Else the token would stay with a tenant that another account may be paired with."""
    parts, site = premises.parts, an_installed_site(premises.parts)
    otp = parts.mint.mint(premises.account_id, premises.integration_id).otp
    switch(premises)
    with pytest.raises(Gone):
        parts.redemption.redeem(site.tenant_id, "admin-1", otp, replace=True)
    assert premises.integration.tenant_id == premises.tenant_id


def test_a_site_that_a_token_reads_goes_to_nobody_else(premises: Premises) -> None:
    switch(premises)
    parts, (account, _) = premises.parts, an_account(premises.parts)
    otp = parts.mint.mint(account.id, an_integration(parts, account).id).otp
    with pytest.raises(Conflicting) as refusal:
        parts.redemption.redeem(premises.tenant_id, "admin-1", otp, replace=True)
    assert refusal.value.condition.code is Code.SITE_READ_BY_TOKEN


def test_rows_that_a_token_read_are_erased_before_anybody_else_is_paired(premises: Premises) -> None:
    parts, tenant_id = premises.parts, premises.tenant_id
    switch(premises)
    with parts.store.bound_to(tenant_id) as session:
        records.apply(session, [a_row("issue", "10001")], read_at=clock.now())
        assert unpair.unpair(session, reason=Condition(Code.REPLACED))
    assert standing(parts, tenant_id) == ("active", "api_token", True, {"shared_secret"})
    account, _ = an_account(parts)
    otp = parts.mint.mint(account.id, an_integration(parts, account).id).otp
    with pytest.raises(Conflicting) as refusal:
        parts.redemption.redeem(tenant_id, "admin-1", otp, replace=True)
    assert refusal.value.condition.code is Code.BEING_ERASED
    run(upkeep.purge, parts, str(tenant_id))
    assert standing(parts, tenant_id) == ("active", "connect_app", False, {"shared_secret"})
    with parts.store.bound_to(tenant_id) as session:
        assert session.execute(select(func.count()).select_from(table_of(entity("issue")))).scalar_one() == 0
    parts.redemption.redeem(tenant_id, "admin-1", otp, replace=False)


def test_an_integration_without_a_site_may_change_to_the_app(premises: Premises) -> None:
    parts = premises.parts
    switch(premises)
    with parts.store.bound_to(premises.tenant_id) as session:
        unpair.unpair(session, reason=Condition(Code.REPLACED))
    site = an_installed_site(parts)
    otp = parts.mint.mint(premises.account_id, premises.integration_id).otp
    parts.redemption.redeem(site.tenant_id, "admin-1", otp, replace=False)
    assert (premises.integration.method, premises.integration.tenant_id) == (Method.CONNECT_APP, site.tenant_id)


@pytest.mark.parametrize("is_app_gone", [False, True])
def test_a_deleted_integration_leaves_the_record_of_an_installed_app_alone(
    premises: Premises, is_app_gone: bool
) -> None:
    parts = premises.parts
    switch(premises)
    if is_app_gone:
        uninstall(premises)
    with parts.store.bound_to_account(premises.account_id) as session:
        actions.delete(session, parts.otp_store, premises.integration_id)
    run(upkeep.erase, parts, str(premises.integration_id))
    assert standing(parts, premises.tenant_id) == (
        None if is_app_gone else ("active", "connect_app", False, {"shared_secret"})
    )


def test_an_app_that_is_disabled_stays_disabled_when_the_token_goes(premises: Premises) -> None:
    parts = premises.parts
    switch(premises)
    with parts.store.unrestricted_unsafe() as session:
        actions.disabled(session, premises.tenant_id, issued_at=LATE)
    with parts.store.bound_to(premises.tenant_id) as session:
        direct.drop_token(session, rows_stay=True)
    assert standing(parts, premises.tenant_id) == ("disabled", "connect_app", False, {"shared_secret"})


def test_a_reauthentication_and_an_uninstall_at_once_end_in_some_order(
    premises: Premises, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hook waits for the locks in the same order; it isn't sent again."""
    _delay(monkeypatch, "switch")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(switch, premises)
        time.sleep(0.2)
        pool.submit(uninstall, premises).result()
        first.result()
    assert standing(premises.parts, premises.tenant_id) == ("active", "api_token", False, {"api_token"})


def test_a_hand_back_and_an_uninstall_at_once_leave_a_site_to_be_erased(
    premises: Premises, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = premises.parts
    switch(premises)
    _delay(monkeypatch, "drop_token")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(actions.hand_back_to_app, parts.store, parts.sites, premises.integration, is_unchecked=True)
        time.sleep(0.2)
        pool.submit(uninstall, premises).result()
        first.result()
    assert standing(parts, premises.tenant_id) == ("uninstalled", "connect_app", True, frozenset())
    assert premises.integration.state is State.DISCONNECTED


def _delay(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Have a step wait under its locks."""
    step, pause = getattr(direct, name), threading.Event()

    def wait(*arguments: object, **options: object) -> object:
        pause.wait(0.7)
        return step(*arguments, **options)

    monkeypatch.setattr(direct, name, wait)


def test_a_parked_integration_forgets_the_refusal_of_the_token_before(premises: Premises) -> None:
    switch(premises)
    with premises.parts.store.bound_to(premises.tenant_id) as session:
        ledger.park(session, "credential", until=clock.now(), reason=Condition(Code.TOKEN_REFUSED))
    switch(premises)
    integration = premises.integration
    assert (integration.state, integration.state_reason, integration.parked_because) == (State.DELAYED, None, None)


def test_one_odd_row_does_not_stop_the_rotation_of_keys(premises: Premises) -> None:
    """A moment beyond Python's calendar can't be loaded."""
    switch(premises)
    with premises.parts.store.unrestricted_unsafe() as session:
        far_off = func.make_timestamptz(10000, 1, 1, 0, 0, 0)
        session.execute(
            update(CREDENTIALS).where(CREDENTIALS.c.tenant_id == premises.tenant_id).values(expires_at=far_off)
        )
    try:
        assert premises.parts.keyring.rotate().broken_ids == []
    finally:
        with premises.parts.store.unrestricted_unsafe() as session:
            session.execute(
                update(CREDENTIALS).where(CREDENTIALS.c.tenant_id == premises.tenant_id).values(expires_at=None)
            )
