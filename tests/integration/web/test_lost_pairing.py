"""A pairing that ends between the check of the owner and the reads: the former account reads nothing more."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from app.conditions import Code, Condition
from app.errors import Conflicting, JiraDown, JiraRefused
from app.integrations import ledger
from app.integrations.model import State
from app.jira.standing import Accounts
from app.pairing.unpair import unpair
from app.web import create_app
from tests.conftest import BASE_URL
from tests.factories import a_paired_site, an_account, an_installed_site, an_integration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from app.integrations.ledger import Listing
    from app.integrations.model import Integration
    from app.runtime import Runtime
    from app.store.session import Session

API, CONSOLE = "/api/v1", "/console"
LIST, ONE = "/integrations", "/integrations/<integration_id>"
CALLS = (
    "/completeness",
    "/activity",
    "/deliveries",
    "/absences",
    "/status-history",
    "/progress",
    "/fields",
    "/hygiene",
    "/site/projects",
    "/site/fields",
)
PAGES = ("", "/connect", "/shown", "/data", "/activity", "/settings", "/plots/throughput.svg")
WITHOUT_ROWS = {
    f"{API}{LIST}": "the account's integrations, without the sites' addresses",
    f"{API}{ONE}": "its integration, without the site's address",
    f"{API}{ONE}/hygiene/<criterion>": "404 without a criterion; tests/integration/web/test_hygiene.py has it with one",
    f"{API}/people": "the account's people; one statement reads pairing and rows",
    f"{API}/people/imports": "the account's own",
    f"{CONSOLE}/people": "the account's people; one statement reads pairing and rows",
    f"{CONSOLE}/people.csv": "the account's people; one statement reads pairing and rows",
    f"{API}{ONE}/changes": "answers 410: a cursor is one pairing's",
    CONSOLE: "the account's integrations, without the sites' addresses and issues",
    f"{CONSOLE}/shown": "the account's integrations, without the sites' issues",
    f"{CONSOLE}/available": "no site's",
    f"{CONSOLE}/available/jira": "no site's",
    f"{CONSOLE}/available/jira/connect-app": "no site's",
    f"{CONSOLE}/available/jira/api-token": "no site's",
    f"{CONSOLE}{ONE}/token": "an empty form, without the site's address",
}
"""Readers with an answer other than 409 after the loss, each with its reason."""


class SilentSite:
    """A source that Jira doesn't answer."""

    address = "https://lost.atlassian.net"

    def server(self) -> None:
        raise JiraDown(Code.NO_ANSWER, error="TimeoutError")


class SitesInTheWay:
    """In place of `Sites`: a source that doesn't answer, or none for a disabled app."""

    is_disabled = False

    def open(self, _tenant_id: UUID, **_choice: object) -> SilentSite:
        if self.is_disabled:
            raise JiraRefused(Code.APP_INACTIVE)
        return SilentSite()


@dataclass(frozen=True)
class Reader:
    """The account of a paired site, signed in to API and console."""

    client: FlaskClient
    key: str
    integration_id: UUID
    sites: SitesInTheWay
    lose: Callable[[], None]
    """The site goes to another account."""

    def call(self, name: str, method: str = "GET") -> TestResponse:
        headers = {"Authorization": f"Bearer {self.key}"}
        return self.client.open(f"{API}{self._filled(name)}", method=method, headers=headers)

    def page(self, name: str) -> TestResponse:
        return self.client.get(f"{CONSOLE}{self._filled(name)}", base_url=BASE_URL)

    def submit(self, name: str) -> TestResponse:
        return self.client.post(f"{CONSOLE}{self._filled(name)}", data={"csrf": "c"}, base_url=BASE_URL)

    def is_busy(self) -> object:
        """Whether the list counts the issues of the site."""
        return (self.page("/shown").json or {})["is"][f"{self.integration_id} busy"]

    def set_csrf(self) -> None:
        with self.client.session_transaction("/console", base_url=BASE_URL) as session:
            session["csrf"] = "c"

    def _filled(self, name: str) -> str:
        return name.replace("<integration_id>", str(self.integration_id))


def move(parts: Runtime, integration: Integration, state: State, tenant_id: UUID | None) -> None:
    with parts.store.unrestricted_unsafe() as session:
        ledger.move_to(session, integration.id, state, tenant_id=tenant_id)


@pytest.fixture
def reader(parts: Runtime) -> Reader:
    (account, key), (next_account, _) = an_account(parts), an_account(parts)
    site = an_installed_site(parts)
    integration, next_integration = an_integration(parts, account), an_integration(parts, next_account)
    move(parts, integration, State.BACKFILLING, site.tenant_id)

    def lose() -> None:
        move(parts, integration, State.DISCONNECTED, None)
        move(parts, next_integration, State.BACKFILLING, site.tenant_id)

    sites = SitesInTheWay()
    app = create_app(replace(parts, sites=sites))  # type: ignore[arg-type]  # answers only what the checks ask
    new_reader = Reader(app.test_client(), key, integration.id, sites, lose)
    new_reader.set_csrf()
    new_reader.client.post("/console/sign-in", data={"csrf": "c", "key": key}, base_url=BASE_URL)
    new_reader.set_csrf()
    return new_reader


@pytest.fixture
def losing_reader(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """A reader of a site that goes to another account right after each check of the owner."""
    get, page_of = ledger.get, ledger.page_of

    def get_and_lose(session: Session, integration_id: UUID, *, lock: bool = False) -> Integration:
        integration = get(session, integration_id, lock=lock)
        reader.lose()
        return integration

    def list_and_lose(session: Session, account_id: UUID, **choice: object) -> Listing:
        listing = page_of(session, account_id, **choice)  # type: ignore[arg-type]  # passed on as they are
        reader.lose()
        return listing

    monkeypatch.setattr(ledger, "get", get_and_lose)
    monkeypatch.setattr(ledger, "page_of", list_and_lose)
    return reader


def readers_of(parts: Runtime) -> Iterator[str]:
    """The addresses of API and console that are read."""
    for rule in create_app(parts).url_map.iter_rules():
        if "GET" in (rule.methods or ()) and rule.endpoint.rpartition(".")[0] in {"api", "console"}:
            yield rule.rule


def test_every_reader_is_here(parts: Runtime) -> None:
    """A new call or page joins one of the lists."""
    calls = {f"{API}{ONE}{name}" for name in CALLS}
    pages = {f"{CONSOLE}{ONE}{name}".replace("throughput", "<name>") for name in PAGES}
    assert set(readers_of(parts)) == calls | pages | set(WITHOUT_ROWS)


def test_readers_are_answered_while_the_site_is_paired(reader: Reader) -> None:
    answers = {name: reader.call(f"{ONE}{name}").status_code for name in (*CALLS, "", "/changes")}
    answers |= {f"page {name}": reader.page(f"{ONE}{name}").status_code for name in PAGES}
    assert {name: status for name, status in answers.items() if status != 200} == {}
    assert "atlassian.net" in reader.call(LIST).text
    assert "atlassian.net" in reader.page("").text
    assert reader.is_busy() is True


@pytest.mark.parametrize("name", CALLS)
def test_a_call_reads_nothing_of_a_site_that_was_lost(losing_reader: Reader, name: str) -> None:
    answer = losing_reader.call(f"{ONE}{name}")
    assert answer.status_code == 409
    assert "pairing_ended" in answer.text


def test_the_feed_brings_nothing_of_a_site_that_was_lost(losing_reader: Reader) -> None:
    """The feed finds the lost pairing itself, by the cursor's life."""
    answer = losing_reader.call(f"{ONE}/changes")
    assert answer.status_code == 410
    assert '"restart":true' in answer.text


@pytest.mark.parametrize("name", PAGES)
def test_a_page_shows_nothing_of_a_site_that_was_lost(losing_reader: Reader, name: str) -> None:
    assert losing_reader.page(f"{ONE}{name}").status_code == 409


def test_a_refused_form_shows_nothing_of_a_site_that_was_lost(losing_reader: Reader) -> None:
    """The form comes back with the site's fields."""
    assert losing_reader.submit(f"{ONE}/settings").status_code == 409


@pytest.mark.parametrize("is_disabled", [False, True])
def test_a_check_tells_nothing_of_a_site_that_was_lost(losing_reader: Reader, is_disabled: bool) -> None:
    losing_reader.sites.is_disabled = is_disabled
    answer = losing_reader.call(f"{ONE}/validate", "POST")
    assert answer.status_code == 409
    assert "pairing_ended" in answer.text
    assert "lost.atlassian.net" not in answer.text


def test_the_consoles_check_tells_nothing_of_a_site_that_was_lost(losing_reader: Reader) -> None:
    assert losing_reader.submit(f"{ONE}/validate").status_code == 409


@pytest.mark.parametrize("name", [LIST, ONE])
def test_integrations_show_no_address_of_a_site_that_was_lost(losing_reader: Reader, name: str) -> None:
    answer = losing_reader.call(name)
    assert answer.status_code == 200
    assert "atlassian.net" not in answer.text


def test_the_list_shows_no_address_of_a_site_that_was_lost(losing_reader: Reader) -> None:
    answer = losing_reader.page("")
    assert answer.status_code == 200
    assert "atlassian.net" not in answer.text


def test_the_list_shows_no_issues_of_a_site_that_was_lost(losing_reader: Reader) -> None:
    """A line is busy while issues are counted."""
    assert losing_reader.is_busy() is False


def test_progress_tells_no_points_of_a_site_that_is_lost_meanwhile(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The points are in Redis, outside of the transaction that reads the rows."""
    lose_at(monkeypatch, "spent", reader)
    assert reader.call(f"{ONE}/progress").status_code == 409


def test_activity_shows_no_points_of_a_site_that_is_lost_meanwhile(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_at(monkeypatch, "standing", reader)
    assert reader.page(f"{ONE}/activity").status_code == 409


def lose_at(monkeypatch: pytest.MonkeyPatch, name: str, reader: Reader) -> None:
    """Have the site go to another account right before the limiter answers."""
    ask = getattr(Accounts, name)

    def lose_and_ask(*arguments: object) -> object:
        reader.lose()
        return ask(*arguments)

    monkeypatch.setattr(Accounts, name, lose_and_ask)


def test_a_pairing_that_ends_during_the_reads_fails_them(parts: Runtime) -> None:
    site, integration = a_paired_site(parts)

    def read_and_lose() -> None:
        with ledger.site_session(parts.store, integration) as session:
            assert ledger.of_tenant(session) == integration
            with parts.store.bound_to(site.tenant_id) as other_session:
                unpair(other_session, reason=Condition(Code.UNPAIRED))

    with pytest.raises(Conflicting):
        read_and_lose()
