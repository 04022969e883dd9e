"""A pairing that ends between the check of the owner and the reads: the former account reads nothing more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from app.integrations import ledger
from app.integrations.model import State
from app.web import create_app
from tests.conftest import BASE_URL
from tests.factories import an_account, an_installed_site, an_integration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from flask.testing import FlaskClient

    from app.integrations.model import Integration
    from app.runtime import Runtime
    from app.store.session import Session

API = ("/completeness", "/activity", "/deliveries", "/absences", "/status-history", "/progress", "/fields")
CONSOLE = ("", "/connect", "/shown", "/data", "/activity", "/settings", "/plots/throughput.svg")


@dataclass(frozen=True)
class Reader:
    """The former account of a site, signed in to API and console."""

    client: FlaskClient
    key: str
    integration_id: UUID

    def status_of_call(self, name: str) -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {self.key}"}
        answer = self.client.get(f"/api/v1/integrations/{self.integration_id}{name}", headers=headers)
        return answer.status_code, answer.text

    def status_of_page(self, name: str) -> tuple[int, str]:
        answer = self.client.get(f"/console/integrations/{self.integration_id}{name}", base_url=BASE_URL)
        return answer.status_code, answer.text


def pair(parts: Runtime, integration: Integration, tenant_id: UUID) -> None:
    with parts.store.unrestricted_unsafe() as session:
        ledger.move_to(session, integration.id, State.BACKFILLING, tenant_id=tenant_id)


@pytest.fixture
def losing_reader(parts: Runtime, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    """A reader of a site that goes to another account right after each check of the owner."""
    (account, key), (next_account, _) = an_account(parts), an_account(parts)
    site = an_installed_site(parts)
    integration, next_integration = an_integration(parts, account), an_integration(parts, next_account)
    pair(parts, integration, site.tenant_id)
    get = ledger.get

    def get_and_lose(session: Session, integration_id: UUID, *, lock: bool = False) -> Integration:
        row = get(session, integration_id, lock=lock)
        with parts.store.unrestricted_unsafe() as other_session:
            ledger.move_to(other_session, integration.id, State.DISCONNECTED, tenant_id=None)
        pair(parts, next_integration, site.tenant_id)
        return row

    client = create_app(parts).test_client()
    with client.session_transaction("/console", base_url=BASE_URL) as session:
        session["csrf"] = "c"
    client.post("/console/sign-in", data={"csrf": "c", "key": key}, base_url=BASE_URL)
    monkeypatch.setattr(ledger, "get", get_and_lose)
    yield Reader(client, key, integration.id)
    monkeypatch.undo()


@pytest.mark.parametrize("name", API)
def test_a_call_reads_nothing_of_a_site_that_was_lost(losing_reader: Reader, name: str) -> None:
    status, body = losing_reader.status_of_call(name)
    assert status == 409
    assert "pairing_ended" in body


def test_the_feed_brings_nothing_of_a_site_that_was_lost(losing_reader: Reader) -> None:
    """The feed finds the lost pairing itself, by the cursor's life."""
    status, body = losing_reader.status_of_call("/changes")
    assert status == 410
    assert '"restart":true' in body


@pytest.mark.parametrize("name", CONSOLE)
def test_a_page_shows_nothing_of_a_site_that_was_lost(losing_reader: Reader, name: str) -> None:
    assert losing_reader.status_of_page(name)[0] == 409


def test_one_integration_shows_no_address_of_a_site_that_was_lost(losing_reader: Reader) -> None:
    status, body = losing_reader.status_of_call("")
    assert status == 200
    assert "atlassian.net" not in body
