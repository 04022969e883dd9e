"""Pause, disable, a broken credential, a lapsed licence, uninstall: work stops, the state shows it, and it catches up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from app import actions, jobs
from app.conditions import Code, Condition
from app.errors import JiraRefused
from app.ingest.planning import resume
from app.ingest.proof import parking
from app.integrations.model import State
from app.sources.cloud.source import CloudSource
from app.store.sync_tables import SCHEDULES
from app.web.words.sentences import english

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.ingest.conftest import Town


@pytest.fixture
def town(a_town: Callable[..., Town]) -> Town:
    return a_town()


def begin_again(town: Town) -> bool:
    with town.parts.store.bound_to(town.tenant_id) as session:
        return resume.resume_work(session)


def test_a_disabled_app_stops_and_says_so_and_catches_up_when_it_is_enabled(town: Town) -> None:
    town.site.disable()
    integration = town.integration()
    assert (integration.state, integration.tenant_id) == (State.DISCONNECTED, town.tenant_id)
    assert integration.state_reason is not None
    assert "disabled the app" in english(integration.state_reason)
    with pytest.raises(JiraRefused):
        _ = town.jira
    town.site.mutate("update_issue")
    time.sleep(1.1)  # within one second hooks are ordered by rank
    town.site.enable()
    assert town.integration().state is State.DELAYED
    assert begin_again(town)
    town.catch_up()
    assert town.differences() == []


def test_what_was_paused_stays_paused_when_the_app_is_disabled_and_enabled(town: Town) -> None:
    with town.parts.store.unrestricted_unsafe() as session:
        actions.pause(session, town.integration_id)
    town.site.disable()
    assert town.integration().state is State.DISCONNECTED
    time.sleep(1.1)  # within one second hooks are ordered by rank
    town.site.enable()
    assert town.integration().state is State.PAUSED


def test_an_upgrade_of_a_disabled_app_brings_it_back(town: Town) -> None:
    town.site.disable()
    time.sleep(1.1)
    town.site.install()
    assert town.integration().state is State.DELAYED


def test_an_uninstalled_site_does_not_come_back_by_itself(town: Town) -> None:
    time.sleep(1.1)  # an install of the same second as the last one would be the same token
    town.site.uninstall()
    assert town.integration().state is State.DISCONNECTED
    time.sleep(1.1)
    town.site.install()
    assert town.integration().state is State.DISCONNECTED, "leaving was a withdrawal of consent"


def test_resuming_catches_up_without_reading_the_whole_site_again(town: Town) -> None:
    with town.parts.store.unrestricted_unsafe() as session:
        actions.pause(session, town.integration_id)
    town.site.options.webhooks = False
    town.site.mutate("update_issue")
    with town.parts.store.unrestricted_unsafe() as session:
        assert actions.resume(session, town.integration_id).state is State.DELAYED
    assert begin_again(town)
    with town.parts.store.bound_to(town.tenant_id) as session:
        assert len(session.execute(select(SCHEDULES)).all()) == len(
            [job for job in jobs.BY_THE_CLOCK if job.is_tenants]
        )
    town.site.traffic.reset()
    town.catch_up()
    assert town.differences() == []
    assert town.site.traffic.as_json()["points"] < 40, "forty issues would cost more"


def test_one_401_parks_nobody(town: Town) -> None:
    assert not parking.confirm(town.parts.store, town.parts.sites, town.tenant_id)
    assert town.integration().parked_because is None


def test_a_broken_credential_is_parked_told_probed_and_comes_back(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.jira.client import Site  # noqa: PLC0415 - one test's need

    real = Site.get

    def refuse(*_args: Any, **_options: Any) -> Any:
        raise JiraRefused(Code.ANSWERED, is_credential=True, status=401, endpoint="")

    monkeypatch.setattr(Site, "get", refuse)
    assert parking.confirm(town.parts.store, town.parts.sites, town.tenant_id)
    integration = town.integration()
    assert (integration.state, integration.parked_because, integration.is_served) == (
        State.NEEDS_ATTENTION,
        "credential",
        False,
    )
    assert integration.state_reason is not None
    assert "signature" in english(integration.state_reason)
    assert town.poll() is None, "nothing is asked but the probe"
    app_key = town.parts.settings.app_key
    assert parking.probe(town.parts.store, town.jira, town.tenant_id, app_key) == Condition(
        Code.SIGNATURE_STILL_REFUSED
    )
    monkeypatch.setattr(Site, "get", real)
    assert parking.probe(town.parts.store, town.jira, town.tenant_id, app_key) == Condition(Code.SITE_ANSWERS_AGAIN)
    assert town.integration().state is State.DELAYED
    assert parking.probe(town.parts.store, town.jira, town.tenant_id, app_key) is None


def test_a_lapsed_licence_is_parked_and_comes_back(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CloudSource, "has_lapsed", lambda *_: True)
    app_key = town.parts.settings.app_key
    assert parking.check_licence(town.parts.store, town.jira, town.tenant_id, app_key) == Condition(
        Code.LICENCE_FOUND_LAPSED
    )
    integration = town.integration()
    assert (integration.state, integration.parked_because) == (State.NEEDS_ATTENTION, "licence")
    assert parking.probe(town.parts.store, town.jira, town.tenant_id, app_key) == Condition(Code.LICENCE_STILL_LAPSED)
    monkeypatch.undo()
    assert parking.probe(town.parts.store, town.jira, town.tenant_id, app_key) == Condition(Code.SITE_ANSWERS_AGAIN)


def test_an_app_without_licences_has_none_to_lapse(town: Town) -> None:
    assert parking.check_licence(town.parts.store, town.jira, town.tenant_id, town.parts.settings.app_key) is None
