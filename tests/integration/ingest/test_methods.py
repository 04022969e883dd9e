"""One site by each method of connecting: the same rows, but for those that the contract keeps from a method."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from app import actions
from app.conditions import Code, Condition
from app.doors.direct import DirectDoor
from app.errors import JiraRefused
from app.ingest.drift import id_sweeps
from app.ingest.live import failed_webhooks
from app.ingest.proof import parking
from app.ingest.writing import project_access
from app.integrations.ledger import Draft
from app.integrations.model import State
from app.sources import Method, Product
from app.sources.cloud.source import CloudSource
from app.tenants.model import ApiToken, Arrival, TokenKind
from app.tenants.sites import Sites
from tests.factories import an_account
from tests.fakes.limiter import OpenLimiter
from tests.integration.ingest.conftest import Town
from tests.soak import rows
from tests.soak.site import PERSON

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.runtime import Runtime
    from sandbox import Site
    from tests.soak.rows import Rows

EMAIL, TOKEN = PERSON
SCOPED_TOKEN = "with-scopes"
SCOPES = [
    *("read:jira-work", "read:jira-user", "read:project:jira"),
    *("read:board-scope:jira-software", "read:board-scope.admin:jira-software", "read:sprint:jira-software"),
]


def a_token_town(parts: Runtime, site: Site, database_url: str, token: str) -> Town:
    """The site once more, read with a token; it is its own gateway."""
    settings = parts.settings.model_copy(update={"forge_api_host": site.base_url})
    sites = Sites(settings, parts.store, parts.keyring, OpenLimiter())  # type: ignore[arg-type]  # a fake limiter
    parts = replace(parts, settings=settings, sites=sites, direct_door=DirectDoor(settings, sites))
    account, _ = an_account(parts)
    arrival = parts.direct_door.knock(site.base_url, ApiToken(EMAIL, token))
    assert arrival.token.kind is (TokenKind.SCOPED if token == SCOPED_TOKEN else TokenKind.CLASSIC)
    draft = Draft("By token", "", [], Product.CLOUD, Method.API_TOKEN, {})
    integration = actions.create_with_token(parts.store, sites, parts.keyring, account.id, draft, arrival)
    assert integration.tenant_id is not None
    return Town(parts, site, integration.tenant_id, integration.id, database_url)


@pytest.fixture
def towns(a_town: Callable[..., Town], town_parts: Runtime, database_url: str) -> dict[str, Town]:
    """A site as the app reads it, and as tokens of both kinds do."""
    by_app = a_town(issues=60, projects=2)
    by_app.site.options.api_tokens = {EMAIL: TOKEN}
    by_app.site.options.scoped_tokens = {f"{EMAIL}:{SCOPED_TOKEN}": SCOPES}
    by_token = {token: a_token_town(town_parts, by_app.site, database_url, token) for token in (TOKEN, SCOPED_TOKEN)}
    for town in by_token.values():
        town.backfill()
        assert town.integration().state is State.HEALTHY
    return {"app": by_app, **by_token}


def rows_of(town: Town) -> Rows:
    return rows.rows_of_tenant(town.database_url, town.tenant_id)


def require_equal_rows(towns: dict[str, Town]) -> None:
    app_rows = rows_of(towns["app"])
    for token in (TOKEN, SCOPED_TOKEN):
        token_rows = rows_of(towns[token])
        assert rows.summary(rows.compare(token_rows, app_rows)) == ""
        assert rows.summary(rows.compare(app_rows, token_rows)) == ""


def test_each_method_ends_in_the_same_rows_at_once_and_after_changes(towns: dict[str, Town]) -> None:
    require_equal_rows(towns)
    assert towns["app"].differences() == []
    for kind in ("update_issue", "add_comment", "add_worklog", "create_issue", "transition_issue"):
        towns["app"].site.mutate(kind)
    for town in towns.values():
        town.catch_up()
    require_equal_rows(towns)


def test_a_dead_token_parks_the_work_says_so_and_comes_back(towns: dict[str, Town]) -> None:
    town, tokens = towns[TOKEN], dict(towns[TOKEN].site.options.api_tokens)
    town.site.options.api_tokens = {}
    assert parking.confirm(town.parts.store, town.parts.sites, town.tenant_id)
    integration = town.integration()
    assert (integration.state, integration.is_served) == (State.NEEDS_ATTENTION, False)
    assert integration.state_reason == Condition(Code.TOKEN_REFUSED)
    assert town.poll() is None, "nothing is asked but the probe"
    town.site.options.api_tokens = tokens
    app_key = town.parts.settings.app_key
    assert parking.probe(town.parts.store, town.jira, town.tenant_id, app_key) == Condition(Code.SITE_ANSWERS_AGAIN)
    assert town.integration().is_served


def test_the_apps_own_questions_are_not_asked_with_a_token(towns: dict[str, Town]) -> None:
    town = towns[TOKEN]
    town.site.traffic.reset()
    assert failed_webhooks.take_failed_webhooks(town.parts.store, town.jira, town.tenant_id) is None
    assert parking.check_licence(town.parts.store, town.jira, town.tenant_id, town.parts.settings.app_key) is None
    assert town.site.traffic.as_json()["requests"] == 0


def test_a_token_that_was_renewed_while_the_old_one_was_refused_is_not_parked(
    towns: dict[str, Town], monkeypatch: pytest.MonkeyPatch
) -> None:
    town = towns[TOKEN]
    parts, ask = town.parts, CloudSource.whoami

    def renew_and_ask(source: CloudSource) -> object:
        with parts.store.bound_to(town.tenant_id) as session:
            parts.keyring.keep_token(session, town.tenant_id, Arrival(town.site.base_url, None, ApiToken(EMAIL, TOKEN)))
        town.site.options.api_tokens = {}
        return ask(source)

    monkeypatch.setattr(CloudSource, "whoami", renew_and_ask)
    assert not parking.confirm(parts.store, parts.sites, town.tenant_id)
    assert town.integration().is_served


def test_a_site_that_answers_strangers_does_not_take_a_dead_token_for_an_empty_site(towns: dict[str, Town]) -> None:
    """Jira answers a bad token with 200 and as it answers everybody: no project, no issue."""
    town = towns[TOKEN]
    live_ids = town.live("issue")
    town.site.options.change({"api_tokens": {EMAIL: "another"}, "anonymous_access": True})
    for verb in (town.jira.project_count, town.jira.server, lambda: list(town.jira.changed_since(0)), town.jira.whoami):
        with pytest.raises(JiraRefused) as refusal:
            verb()
        assert refusal.value.is_credential
    with pytest.raises(JiraRefused):
        id_sweeps.sweep_ids(town.parts.store, town.jira, town.tenant_id)
    assert parking.confirm(town.parts.store, town.parts.sites, town.tenant_id)
    assert town.live("issue") == live_ids
    assert project_access_of(town) == {}


def project_access_of(town: Town) -> dict[str, object]:
    """Frozen projects."""
    with town.parts.store.bound_to(town.tenant_id) as session:
        return dict(project_access.frozen(session))
