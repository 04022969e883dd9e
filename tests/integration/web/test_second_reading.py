"""Regression tests for the findings of a second review of the trust boundary."""

from __future__ import annotations

import dataclasses
import json
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError

from app import actions, clock, ids
from app.catalog.extract import Row
from app.catalog.registry import entity
from app.conditions import Code, Condition
from app.doors.connect import ConnectDoor
from app.doors.install_keys import InstallKeys
from app.errors import Gone
from app.ingest.planning import inbox
from app.ingest.proof import lost_jobs
from app.integrations import accounts, ledger
from app.jira import hosts
from app.jira.wire import is_public
from app.pairing.unpair import unpair
from app.store import records
from app.store.schema import CREDENTIALS, INBOX, INTEGRATIONS, TENANTS
from app.store.session import StoreFault
from app.tenants import depart
from app.tenants.install_key_cache import InstallKeyCache
from app.tenants.model import Hook
from app.web import create_app
from tests.conftest import BASE_URL
from tests.factories import InstalledSite, a_paired_site, an_account, an_installed_site, an_integration
from tests.fakes.atlassian import Atlassian, raw_token

if TYPE_CHECKING:
    from uuid import UUID

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from app.runtime import Runtime


@pytest.fixture(scope="module")
def atlassian() -> Atlassian:
    return Atlassian()


@pytest.fixture(scope="module")
def door(parts: Runtime, atlassian: Atlassian) -> Runtime:
    """The runtime with a reachable key host."""
    keys = InstallKeys(("https://keys.test",), get=atlassian.key_host())
    return dataclasses.replace(parts, connect_door=ConnectDoor(parts.settings, parts.keyring, keys))


@pytest.fixture(scope="module")
def client(door: Runtime) -> FlaskClient:
    return create_app(door).test_client()


def an_installed_body(client_key: str, **overrides: object) -> dict[str, object]:
    return {
        "key": "io.harness.sei.jira-connect",
        "clientKey": client_key,
        "sharedSecret": "s" * 40,
        "baseUrl": "https://acme.atlassian.net",
        "eventType": "installed",
        **overrides,
    }


def install(client: FlaskClient, token: str, body: dict[str, object]) -> TestResponse:
    return client.post("/connect/installed", json=body, headers={"Authorization": f"JWT {token}"})


def a_token(atlassian: Atlassian, client_key: str, hook: str = "installed", **claims: object) -> str:
    return atlassian.lifecycle_token(f"/connect/{hook}", client_key, BASE_URL, **claims)


def tenant_of(parts: Runtime, tenant_id: UUID) -> Any:
    with parts.store.unrestricted_unsafe() as session:
        return session.execute(select(TENANTS).where(TENANTS.c.id == tenant_id)).one()


@pytest.mark.parametrize("tail", ["=", "=="])
def test_a_token_has_one_spelling_and_is_good_once(
    client: FlaskClient, door: Runtime, atlassian: Atlassian, tail: str
) -> None:
    client_key = str(ids.new())
    token = a_token(atlassian, client_key)
    assert install(client, token, an_installed_body(client_key)).status_code == 204
    evil = an_installed_body(client_key, sharedSecret="e" * 40)
    assert install(client, token + tail, evil).status_code == 401
    entry = door.keyring.find(client_key)
    assert entry is not None
    assert entry[1].current == "s" * 40


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/connect/enabled"),
        ("POST", "/connect/webhooks/x"),
        ("GET", "/jira/pairing"),
        ("GET", "/jira/configuration"),
    ],
)
@pytest.mark.parametrize("issuer", ["\ud800x", "a\x00b", "a\nb"])
def test_an_issuer_that_no_database_can_keep_is_refused(
    client: FlaskClient, method: str, path: str, issuer: str
) -> None:
    now = clock.epoch()
    payload = json.dumps({"iss": issuer, "iat": now, "exp": now + 100, "qsh": "context-qsh"})
    token = raw_token({"alg": "HS256", "typ": "JWT"}, payload, "x" * 40)
    answer = (
        client.get(f"{path}?jwt={token}")
        if path.endswith("configuration")
        else client.open(path, method=method, headers={"Authorization": f"JWT {token}"})
    )
    assert answer.status_code == 401


def test_a_promised_erasure_outlives_upgrades_and_switches(
    client: FlaskClient, door: Runtime, atlassian: Atlassian
) -> None:
    site, _ = a_paired_site(door)
    with door.store.bound_to(site.tenant_id) as session:
        unpair(session, reason=Condition(Code.UNPAIRED))
    purge_after = tenant_of(door, site.tenant_id).purge_after
    assert purge_after is not None
    assert install(client, a_token(atlassian, site.client_key), an_installed_body(site.client_key)).status_code == 204
    with door.store.unrestricted_unsafe() as session:
        depart.switch(session, site.tenant_id, Hook.DISABLED, issued_at=clock.epoch() + 5)
    assert tenant_of(door, site.tenant_id).purge_after == purge_after


def test_data_that_nobody_is_paired_with_is_promised_to_go(door: Runtime) -> None:
    site, integration = a_paired_site(door)
    with door.store.bound_to(site.tenant_id) as session:
        records.tally(session, {"issue": 1})
    with door.store.unrestricted_unsafe() as session:
        ledger.move_to(session, integration.id, integration.state, tenant_id=None)
        lost_jobs.promise_erasure(session)
    assert tenant_of(door, site.tenant_id).purge_after is not None


def test_a_secret_that_no_key_opens_is_no_500_and_heals_by_reinstalling(
    client: FlaskClient, door: Runtime, atlassian: Atlassian
) -> None:
    site = an_installed_site(door)
    with door.store.unrestricted_unsafe() as session:
        session.execute(
            update(CREDENTIALS).where(CREDENTIALS.c.tenant_id == site.tenant_id).values(sealed="v1.00000000.AAAA")
        )
    forgery = atlassian.shared_secret_token("POST", "/connect/enabled", site.client_key, "f" * 40)
    assert client.post("/connect/enabled", headers={"Authorization": f"JWT {forgery}"}).status_code == 401
    assert install(client, a_token(atlassian, site.client_key), an_installed_body(site.client_key)).status_code == 204
    assert door.keyring.find(site.client_key) is not None


def test_an_uninstall_and_a_disconnect_at_one_moment_do_not_deadlock(door: Runtime) -> None:
    for _ in range(20):
        site, _integration = a_paired_site(door)
        errors: list[Exception] = []

        def leave(site: InstalledSite = site, errors: list[Exception] = errors) -> None:
            try:
                with door.store.unrestricted_unsafe() as session:
                    actions.uninstalled(session, door.keyring, site.client_key, issued_at=clock.epoch() + 1)
            except Exception as error:  # noqa: BLE001 - every error is reported
                errors.append(error)

        def disconnect(site: InstalledSite = site, errors: list[Exception] = errors) -> None:
            try:
                with door.store.bound_to(site.tenant_id) as session:
                    unpair(session, reason=Condition(Code.UNPAIRED))
            except Exception as error:  # noqa: BLE001 - every error is reported
                errors.append(error)

        threads = [threading.Thread(target=leave), threading.Thread(target=disconnect)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert tenant_of(door, site.tenant_id).state == "uninstalled"


@pytest.mark.parametrize("issue_id", ["²", "1" * 20, "0", "٣", "-1", "1e3"])
def test_an_id_that_is_none_does_not_block_a_tenants_deliveries(door: Runtime, issue_id: str) -> None:
    site, _ = a_paired_site(door)
    with door.store.bound_to(site.tenant_id) as session:
        inbox.keep(session, str(ids.new()), "jira:issue_updated", {"issue": {"id": issue_id}})
        body = session.execute(select(INBOX.c.body)).scalar_one()
    assert body == {"issues": []}


def test_neither_side_of_a_pairing_can_write_the_other_ones(door: Runtime) -> None:
    site, pairing = a_paired_site(door)
    account, _ = an_account(door)
    own_integration = an_integration(door, account)
    victim = an_installed_site(door)
    with pytest.raises(DBAPIError, match="session of its tenant"), door.store.bound_to_account(account.id) as session:
        session.execute(
            update(INTEGRATIONS).where(INTEGRATIONS.c.id == own_integration.id).values(tenant_id=victim.tenant_id)
        )
    with pytest.raises(DBAPIError, match="stays with its account"), door.store.bound_to(site.tenant_id) as session:
        session.execute(update(INTEGRATIONS).where(INTEGRATIONS.c.id == pairing.id).values(account_id=account.id))


@pytest.mark.parametrize("url", ["https://*", "https://a;sandbox", "https://10.0.0.1", "https://localhost"])
def test_a_display_address_that_is_no_name_does_not_reach_the_policy(
    client: FlaskClient, door: Runtime, atlassian: Atlassian, url: str
) -> None:
    client_key = str(ids.new())
    body = an_installed_body(client_key, displayUrl=url)
    assert install(client, a_token(atlassian, client_key), body).status_code == 204
    entry = door.keyring.find(client_key)
    assert entry is not None
    assert entry[0].display_url is None


def test_a_flood_of_invented_kids_does_not_keep_a_known_one_out(door: Runtime, atlassian: Atlassian) -> None:
    host = atlassian.key_host()
    known_keys = InstallKeys(("https://keys.test",), get=host, key_cache=InstallKeyCache(door.store))
    known_keys.key(atlassian.kid)
    known_keys.confirm(atlassian.kid)
    flooded_keys = InstallKeys(("https://keys.test",), get=host, key_cache=InstallKeyCache(door.store))
    for _ in range(100):
        with pytest.raises(Exception, match="unproven"):
            flooded_keys.key(str(ids.new()))
    assert flooded_keys.key(atlassian.kid) == atlassian.private_key.public_key()


def test_bodies_nested_beyond_reason_and_searches_for_nul_are_refused_cleanly(
    client: FlaskClient, door: Runtime
) -> None:
    _, key = an_account(door)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    assert client.post("/api/v1/integrations", data="[" * 60_000, headers=headers).status_code == 400
    assert client.get("/api/v1/integrations?search=%00", headers=headers).status_code == 400
    with client.session_transaction("/console") as session:
        session["csrf"] = "c"
    assert client.post("/console/sign-in", data={"csrf": "c", "key": key}).status_code == 303
    assert client.get("/console?search=%00").status_code == 200


def test_a_burnt_password_leaves_a_newer_one_revocable(door: Runtime) -> None:
    account, _ = an_account(door)
    integration, site = an_integration(door, account), an_installed_site(door)
    first = door.mint.mint(account.id, integration.id)
    claim = door.otp_store.claim(_digests(door, first.otp))
    assert claim is not None
    second = door.mint.mint(account.id, integration.id)
    door.otp_store.burn(claim)
    third = door.mint.mint(account.id, integration.id)
    with pytest.raises(Gone):
        door.redemption.redeem(site.tenant_id, "admin", second.otp, replace=False)
    assert door.redemption.redeem(site.tenant_id, "admin", third.otp, replace=False)


def _digests(door: Runtime, otp: str) -> tuple[str, ...]:
    from app.pairing import password  # noqa: PLC0415 - next to its only use
    from app.vault import Vault  # noqa: PLC0415 - next to its only use

    return password.digests(Vault(door.settings.keys), password.normal(otp) or "")


def test_the_password_of_a_dropped_integration_is_gone(door: Runtime) -> None:
    account, _ = an_account(door)
    integration, site = an_integration(door, account), an_installed_site(door)
    otp = door.mint.mint(account.id, integration.id).otp
    with door.store.unrestricted_unsafe() as session:
        session.execute(text("DELETE FROM integrations WHERE id = :id"), {"id": integration.id})
    with pytest.raises(Gone):
        door.redemption.redeem(site.tenant_id, "admin", otp, replace=False)


def test_one_installation_id_claimed_by_many_is_no_500(client: FlaskClient, atlassian: Atlassian) -> None:
    installation_id = f"ari:cloud:ecosystem::installation/{ids.new()}"
    for _ in range(3):
        client_key = str(ids.new())
        body = an_installed_body(client_key, installationId=installation_id)
        assert install(client, a_token(atlassian, client_key), body).status_code == 204


def test_labels_longer_than_dns_has_are_no_site() -> None:
    assert not hosts.is_allowed(f"https://{'a' * 64}.atlassian.net", ["*.atlassian.net"])
    assert hosts.is_allowed(f"https://{'a' * 63}.atlassian.net", ["*.atlassian.net"])


def test_signing_out_ends_a_copied_session(door: Runtime) -> None:
    _, key = an_account(door)
    client = create_app(door).test_client()
    with client.session_transaction("/console") as session:
        session["csrf"] = "c"
    client.post("/console/sign-in", data={"csrf": "c", "key": key})
    with client.session_transaction("/console") as session:
        old_session = dict(session)
        session["csrf"] = "d"
    assert client.get("/console").status_code == 200
    client.post("/console/sign-out", data={"csrf": "d"})
    with client.session_transaction("/console") as session:
        session.update(old_session)
    assert client.get("/console").status_code == 303


def test_a_revoked_key_opens_nothing_and_ends_its_sessions(door: Runtime) -> None:
    _, key = an_account(door)
    client = create_app(door).test_client()
    with client.session_transaction("/console") as session:
        session["csrf"] = "c"
    client.post("/console/sign-in", data={"csrf": "c", "key": key})
    assert client.get("/console").status_code == 200
    with door.store.unrestricted_unsafe() as work:
        accounts.revoke(work, accounts.prefix_of(key))
    assert client.get("/console").status_code == 303
    assert client.get("/api/v1/integrations", headers={"Authorization": f"Bearer {key}"}).status_code == 401


@pytest.mark.parametrize("address", ["64:ff9b::a00:1", "64:ff9b:1::a00:1", "::10.0.0.1", "fec0::1", "::ffff:10.0.0.1"])
def test_private_addresses_in_other_clothes_are_private(address: str) -> None:
    assert not is_public(address)


def test_a_refused_install_spends_its_token(client: FlaskClient, atlassian: Atlassian) -> None:
    client_key = str(ids.new())
    token = a_token(atlassian, client_key)
    bad_body = an_installed_body(client_key, baseUrl="https://evil.example")
    assert install(client, token, bad_body).status_code == 400
    assert install(client, token, an_installed_body(client_key)).status_code == 401


def test_deliveries_are_kept_for_paired_sites_only_and_forgotten_after_a_week(door: Runtime) -> None:
    lonely = an_installed_site(door)
    with door.store.bound_to(lonely.tenant_id) as session:
        assert not inbox.keep(session, "d", "jira:issue_updated", {"issue": {"id": "1"}})
    site, _ = a_paired_site(door)
    with door.store.bound_to(site.tenant_id) as session:
        inbox.keep(session, "d", "jira:issue_updated", {"issue": {"id": "1"}})
        session.execute(update(INBOX).values(done_at=clock.now() - timedelta(days=8)))
    with door.store.unrestricted_unsafe() as session:
        lost_jobs.tidy(session)
    with door.store.bound_to(site.tenant_id) as session:
        assert session.execute(select(INBOX)).all() == []


def test_a_value_that_does_not_fit_is_not_quoted(door: Runtime) -> None:
    site, _ = a_paired_site(door)
    status = entity("status")
    values: dict[str, object] = {column.name: None for column in status.columns}
    row = Row(status, "1", {**values, "name": "secret\x00word"})

    def store() -> None:
        with door.store.bound_to(site.tenant_id) as session:
            records.apply(session, [row], read_at=clock.now())

    with pytest.raises((StoreFault, psycopg.DataError)) as failure:
        store()
    assert "secret" not in str(failure.value)
    assert failure.value.__cause__ is None
