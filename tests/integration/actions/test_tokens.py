"""An integration by API token: checked before it is stored, never repeated, renewed, and gone with its integration."""

from __future__ import annotations

import inspect
import json
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import ProgrammingError

from app import clock, ids
from app.integrations import ledger
from app.store import metrics_snapshot
from app.store.schema import CREDENTIALS, INTEGRATIONS, METADATA, TENANTS
from app.web import create_app
from sandbox import Site, serve
from sandbox.options import Options
from tests.factories import an_account, an_integration
from workers import upkeep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from app.runtime import Runtime

EMAIL, TOKEN = "ann@acme.example", "ATATT3xFfGF0-never-shown"
NEXT_TOKEN = "ATATT3xFfGF0-the-next-one"


@dataclass(frozen=True)
class Desk:
    """An SEI admin's calls."""

    parts: Runtime
    client: FlaskClient
    key: str

    def post(self, path: str, body: dict[str, Any]) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.key}"}
        return self.client.post(f"/api/v1/integrations{path}", json=body, headers=headers)

    def create(self, url: str, token: str = TOKEN, **members: Any) -> TestResponse:
        credentials = {"url": url, "email": EMAIL, "token": token}
        return self.post(
            "", {"name": "Acme", "product": "jira_cloud", "method": "api_token", "credentials": credentials, **members}
        )

    def renew(self, integration_id: str, url: str, token: str = NEXT_TOKEN, **members: Any) -> TestResponse:
        credentials = {"url": url, "email": EMAIL, "token": token}
        return self.post(
            f"/{integration_id}/reauthenticate", {"method": "api_token", "credentials": credentials, **members}
        )

    def show(self, integration_id: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.key}"}
        answer = self.client.get(f"/api/v1/integrations/{integration_id}", headers=headers)
        return dict(answer.get_json())

    def tenant_of(self, integration_id: str) -> UUID:
        with self.parts.store.unrestricted_unsafe() as session:
            tenant_id = ledger.get(session, UUID(integration_id)).tenant_id
        assert tenant_id is not None
        return tenant_id

    def counts(self) -> tuple[int, int, int]:
        """Rows of tenants, integrations and credentials."""
        with self.parts.store.unrestricted_unsafe() as session:
            return tuple(
                session.execute(select(func.count()).select_from(table)).scalar_one()
                for table in (TENANTS, INTEGRATIONS, CREDENTIALS)
            )


@pytest.fixture(scope="module")
def desk(parts: Runtime) -> Desk:
    return Desk(parts, create_app(parts).test_client(), an_account(parts)[1])


@pytest.fixture
def a_site() -> Iterator[Callable[..., str]]:
    """Starts sites with an account that has a classic token."""
    with ExitStack() as stack:

        def make(**options: Any) -> str:
            site = Site(dataset="seeded", issues=3, projects=1)
            site.options = Options(**{"api_tokens": {EMAIL: TOKEN}, **options})
            return str(stack.enter_context(serve(site)))

        yield make


def test_a_token_is_checked_and_read_with_at_once(desk: Desk, a_site: Callable[..., str]) -> None:
    url = a_site()
    answer = desk.create(url + "/jira/your-work", settings={"excluded_fields": ["description"]})
    integration = answer.get_json()
    assert (answer.status_code, integration["state"], integration["method"]) == (201, "backfilling", "api_token")
    assert integration["site_url"] == url
    assert integration["credential"] == {"account": EMAIL, "kind": "classic", "expires_at": None, "days_left": None}
    assert desk.parts.sites.open(desk.tenant_of(integration["id"])).project_count() == 1


def test_days_begin_in_the_zone_of_the_account_unless_settings_name_another(
    desk: Desk, a_site: Callable[..., str]
) -> None:
    url = a_site()
    assert desk.create(url).get_json()["settings"]["time_zone"] == "America/Los_Angeles"
    answer = desk.create(a_site(), settings={"time_zone": "America/New_York"})
    assert answer.get_json()["settings"]["time_zone"] == "America/New_York"


def test_no_answer_row_or_log_has_the_token(
    desk: Desk, a_site: Callable[..., str], caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    url = a_site()
    answers = [desk.create(url), desk.create(url, token=TOKEN[:-1])]
    answers.append(desk.create(url, email_=TOKEN))
    integration_id = answers[0].get_json()["id"]
    answers.append(desk.renew(integration_id, url, token=TOKEN))
    shown_text = json.dumps([answer.get_json() for answer in answers] + [desk.show(integration_id)])
    with desk.parts.store.unrestricted_unsafe() as session:
        for table in METADATA.sorted_tables:
            shown_text += str(session.execute(text(f"SELECT * FROM {table.name}")).all())
    assert TOKEN[:-1] not in shown_text + caplog.text + "".join(capsys.readouterr())


def test_a_wrong_token_is_explained_and_nothing_is_stored(desk: Desk, a_site: Callable[..., str]) -> None:
    url, before = a_site(), desk.counts()
    answer = desk.create(url, token="wrong")
    problem = answer.get_json()
    assert (answer.status_code, problem["code"]) == (422, "connection_unfit")
    assert [check["name"] for check in problem["checks"] if not check["ok"]] == ["credential"]
    assert desk.counts() == before


def test_unchecked_stores_it_all_the_same(desk: Desk, a_site: Callable[..., str]) -> None:
    answer = desk.create(a_site(), token="wrong", unchecked=True)
    assert (answer.status_code, answer.get_json()["state"]) == (201, "backfilling")


@pytest.mark.parametrize("url", ["https://jira.acme.example", "https://127.0.0.1.evil.example", "no address"])
def test_another_address_is_never_called(desk: Desk, url: str) -> None:
    before = desk.counts()
    answer = desk.create(url)
    assert answer.status_code == 400
    assert answer.get_json()["code"] in {"site_not_listed", "bad_site_address"}
    assert desk.counts() == before


@pytest.mark.parametrize(
    "body",
    [
        {"method": "api_token"},
        {"method": "connect_app", "credentials": {"url": "https://a.atlassian.net", "email": EMAIL, "token": TOKEN}},
        {"method": "api_token", "credentials": {"url": "https://a.atlassian.net", "email": "a:b@c", "token": TOKEN}},
        {"method": "api_token", "credentials": {"url": "https://a.atlassian.net", "email": "nobody", "token": TOKEN}},
        {"method": "api_token", "credentials": {"url": "https://a.atlassian.net", "email": EMAIL, "token": ""}},
        {"method": "api_token", "product": "jira_data_center", "credentials": {"url": "https://a.atlassian.net"}},
        {"method": "basic"},
    ],
)
def test_a_body_of_another_form_is_refused(desk: Desk, body: dict[str, Any]) -> None:
    answer = desk.post("", {"name": "Acme", "product": "jira_cloud", **body})
    assert answer.status_code == 400
    assert TOKEN not in answer.get_data(as_text=True)


def test_a_renewed_token_keeps_integration_and_tenant(desk: Desk, a_site: Callable[..., str]) -> None:
    url = a_site(api_tokens={EMAIL: NEXT_TOKEN})
    first = desk.create(url, token="old", unchecked=True).get_json()
    tenant_id = desk.tenant_of(first["id"])
    refusal = desk.renew(first["id"], url, token="wrong")
    assert refusal.status_code == 422
    with desk.parts.store.bound_to(tenant_id) as session:
        stored_arrival = desk.parts.keyring.token_for(session, tenant_id)
    assert stored_arrival is not None
    assert stored_arrival.token.token == "old"
    answer = desk.renew(first["id"], url)
    assert (answer.status_code, answer.get_json()["id"]) == (200, first["id"])
    assert desk.tenant_of(first["id"]) == tenant_id
    assert desk.parts.sites.open(tenant_id).project_count() == 1


def test_a_token_of_another_site_changes_nothing(desk: Desk, a_site: Callable[..., str]) -> None:
    integration = desk.create(a_site()).get_json()
    answer = desk.renew(integration["id"], a_site(api_tokens={EMAIL: NEXT_TOKEN}))
    assert (answer.status_code, answer.get_json()["code"]) == (409, "other_site")
    assert desk.show(integration["id"])["site_url"] == integration["site_url"]


@pytest.mark.parametrize(("days", "is_announced"), [(31, False), (29, True), (1, True)])
def test_the_end_of_a_token_is_announced(desk: Desk, days: int, is_announced: bool) -> None:
    end = (clock.now() + timedelta(days=days)).isoformat()
    credentials = {"url": "https://acme.atlassian.net", "email": EMAIL, "token": TOKEN, "expires_at": end}
    body = {"name": "Ending", "product": "jira_cloud", "method": "api_token", "credentials": credentials}
    integration = desk.post("", {**body, "unchecked": True}).get_json()
    assert integration["credential"]["days_left"] == days
    assert (
        desk.post("", {**body, "credentials": {**credentials, "expires_at": "2020-01-01T00:00:00Z"}}).status_code == 400
    )
    with desk.parts.store.unrestricted_unsafe() as session:
        ends = metrics_snapshot.take(session, states=ledger.WORKING_STATES).tokens_ending
    assert ends["30"] >= is_announced


def test_tokens_are_tried_sixty_times_in_a_quarter_of_an_hour(parts: Runtime, desk: Desk) -> None:
    """Else an API key could test stolen tokens through us."""
    hasty = Desk(parts, desk.client, an_account(parts)[1])
    answers = [hasty.create("https://jira.acme.example").status_code for _ in range(61)]
    assert answers == [400] * 60 + [429]


def test_another_account_finds_no_integration(desk: Desk, a_site: Callable[..., str]) -> None:
    url = a_site(api_tokens={EMAIL: NEXT_TOKEN})
    integration = desk.create(url, unchecked=True).get_json()
    stranger = Desk(desk.parts, desk.client, an_account(desk.parts)[1])
    assert stranger.renew(integration["id"], url).status_code == 404


def test_an_integration_of_the_app_goes_on_with_a_token(desk: Desk, a_site: Callable[..., str], parts: Runtime) -> None:
    url = a_site(api_tokens={EMAIL: NEXT_TOKEN})
    account, key = an_account(parts)
    integration = an_integration(parts, account)
    own_desk = Desk(parts, desk.client, key)
    answer = own_desk.renew(str(integration.id), url)
    assert (answer.status_code, answer.get_json()["method"]) == (200, "api_token")
    assert answer.get_json()["state"] == "backfilling"


def test_a_deleted_integration_leaves_no_token_and_no_tenant(
    desk: Desk, a_site: Callable[..., str], parts: Runtime
) -> None:
    integration = desk.create(a_site()).get_json()
    tenant_id = desk.tenant_of(integration["id"])
    headers = {"Authorization": f"Bearer {desk.key}"}
    assert desk.client.delete(f"/api/v1/integrations/{integration['id']}", headers=headers).status_code == 202
    inspect.getclosurevars(upkeep.erase).nonlocals["work"](parts, integration["id"])
    with parts.store.unrestricted_unsafe() as session:
        assert session.execute(select(TENANTS).where(TENANTS.c.id == tenant_id)).first() is None
        assert session.execute(select(CREDENTIALS).where(CREDENTIALS.c.tenant_id == tenant_id)).first() is None


def test_a_session_makes_no_other_tenant_than_its_own(parts: Runtime) -> None:
    row = {"product": "jira_cloud", "base_url": "https://acme.atlassian.net", "state": "active"}
    with pytest.raises(ProgrammingError), parts.store.bound_to(ids.new()) as session:
        session.execute(TENANTS.insert().values(id=ids.new(), **row))
