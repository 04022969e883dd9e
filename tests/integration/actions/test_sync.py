"""*Sync* has one meaning and one refusal, through API, console and command line."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, NamedTuple

import pytest
from click.testing import CliRunner

from app import actions, jobs
from app.conditions import Code
from app.errors import Conflicting, JiraRefused
from app.ingest.writing import unreadable
from app.ingest.writing.unreadable import Part
from app.integrations.model import State
from app.sources import NotForUs
from app.web import commands, create_app
from tests.conftest import BASE_URL

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient

    from app.runtime import Runtime
    from tests.integration.actions.conftest import Premises

CHANGES = {"poll", "worklogs", "failed_webhooks", "refresh", "second_look", "verify"}
REFUSAL = "The integration is not connected, or it is paused."


class Reply(NamedTuple):
    """The answer of any entry point."""

    is_accepted: bool
    text: str


@pytest.fixture
def client(parts: Runtime) -> FlaskClient:
    return create_app(parts).test_client()


@pytest.fixture
def by_api(client: FlaskClient, premises: Premises) -> Callable[[bool], Reply]:
    def sync(is_full: bool) -> Reply:
        response = client.post(
            f"/api/v1/integrations/{premises.integration_id}/sync",
            headers={"Authorization": f"Bearer {premises.key}"},
            **({"json": {"full": True}} if is_full else {}),
        )
        assert response.status_code in {202, 409}
        if response.status_code == 202:
            assert response.get_json()["id"] == str(premises.integration_id)
        return Reply(response.status_code == 202, response.get_json().get("detail", ""))

    return sync


@pytest.fixture
def by_console(client: FlaskClient, premises: Premises) -> Callable[[bool], Reply]:
    with client.session_transaction("/console", base_url=BASE_URL) as session:
        session["csrf"] = "c"
    client.post("/console/sign-in", data={"csrf": "c", "key": premises.key}, base_url=BASE_URL)
    with client.session_transaction("/console", base_url=BASE_URL) as session:
        session["csrf"] = "c"

    def sync(is_full: bool) -> Reply:
        form = {"csrf": "c", **({"full": "1"} if is_full else {})}
        address = f"/console/integrations/{premises.integration_id}/do/sync"
        response = client.post(address, data=form, base_url=BASE_URL)
        assert response.status_code in {303, 409}
        return Reply(response.status_code == 303, response.text)

    return sync


@pytest.fixture
def by_command(premises: Premises, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], Reply]:
    monkeypatch.setattr(commands.runtime, "running", lambda: nullcontext(premises.parts))

    def sync(is_full: bool) -> Reply:
        arguments = [str(premises.integration_id), *(["--full"] if is_full else [])]
        result = CliRunner().invoke(commands.sync, arguments)
        assert result.exit_code in {0, 1}
        return Reply(result.exit_code == 0, result.output)

    return sync


@pytest.fixture(params=["by_api", "by_console", "by_command"])
def sync(request: pytest.FixtureRequest) -> Callable[[bool], Reply]:
    """Sync through one of the entry points."""
    entry_point: Callable[[bool], Reply] = request.getfixturevalue(request.param)
    return entry_point


def test_a_plain_sync_hastens_what_finds_changes_and_plans_nothing(
    premises: Premises, sync: Callable[[bool], Reply]
) -> None:
    assert premises.due_jobs() == set()
    assert sync(False).is_accepted
    assert premises.due_jobs() == CHANGES
    assert premises.jobs_in_queues() == {jobs.BACKFILL.name}
    assert premises.integration.state is State.HEALTHY


def test_a_plain_sync_tries_again_what_could_not_be_had(premises: Premises) -> None:
    store, part = premises.parts.store, Part("sprint", "7")
    with store.bound_to(premises.tenant_id) as session:
        unreadable.set_aside(session, part, NotForUs(JiraRefused(Code.ANSWERED, status=403, endpoint="")))
        assert unreadable.due(session, 10) == []
    actions.sync(store, premises.integration)
    with store.bound_to(premises.tenant_id) as session:
        assert unreadable.due(session, 10) == [part]


def test_a_full_sync_plans_the_whole_site_anew(premises: Premises, sync: Callable[[bool], Reply]) -> None:
    assert sync(True).is_accepted
    assert premises.jobs_in_queues() == {jobs.PLAN.name}
    assert premises.due_jobs() == set()


@pytest.mark.parametrize("is_full", [False, True])
@pytest.mark.parametrize("state", [state for state in State if not state.is_working])
def test_an_integration_that_does_not_work_is_refused_alike(
    premises: Premises, sync: Callable[[bool], Reply], state: State, is_full: bool
) -> None:
    premises.move_to(state)
    reply = sync(is_full)
    assert not reply.is_accepted
    assert REFUSAL in reply.text
    assert premises.jobs_in_queues() == set()
    assert premises.due_jobs() == set()


def test_an_unpaired_integration_is_refused_alike(premises: Premises, sync: Callable[[bool], Reply]) -> None:
    premises.unpair()
    reply = sync(False)
    assert not reply.is_accepted
    assert REFUSAL in reply.text


def test_a_site_that_was_paired_with_another_integration_meanwhile_is_refused(premises: Premises) -> None:
    stale = premises.integration
    premises.unpair()
    with pytest.raises(Conflicting, match="not_working"):
        actions.sync(premises.parts.store, stale)
    assert premises.due_jobs() == set()


def test_a_plain_sync_twice_asks_for_one_worker(premises: Premises) -> None:
    actions.sync(premises.parts.store, premises.integration)
    actions.sync(premises.parts.store, premises.integration)
    bulk = jobs.queue(premises.parts.redis, jobs.Lane.BULK).job_ids
    assert len([job_id for job_id in bulk if str(premises.tenant_id) in job_id]) == 1


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b'{"full": tru', "application/json"),
        (b'{"full": true}', "text/plain"),
        (b'{"full": "true"}', "application/json"),
        (b'{"full": 1}', "application/json"),
        (b'{"all": true}', "application/json"),
        (b"null", "application/json"),
        (b"[]", "application/json"),
    ],
)
def test_a_body_of_another_form_is_no_plain_sync(
    client: FlaskClient, premises: Premises, body: bytes, media_type: str
) -> None:
    response = client.post(
        f"/api/v1/integrations/{premises.integration_id}/sync",
        data=body,
        headers={"Authorization": f"Bearer {premises.key}", "Content-Type": media_type},
    )
    assert response.status_code == 400
    assert premises.due_jobs() == set()


def test_the_document_says_that_the_body_may_be_left_out(client: FlaskClient) -> None:
    document = client.get("/api/v1/openapi.json").get_json()
    body = document["paths"]["/api/v1/integrations/{integration_id}/sync"]["post"]["requestBody"]
    assert body.get("required", False) is False
