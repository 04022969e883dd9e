"""One site by each method of connecting: the same rows, but for those that the contract keeps from a method."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app import actions
from app.integrations.ledger import Draft
from app.integrations.model import State
from app.sources import Method, Product
from app.tenants.model import ApiToken
from tests.factories import an_account
from tests.integration.ingest.conftest import Town
from tests.soak import rows
from tests.soak.site import PERSON

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.runtime import Runtime
    from sandbox import Site


def a_token_town(parts: Runtime, site: Site, database_url: str) -> Town:
    """The site once more, read with a token."""
    account, _ = an_account(parts)
    arrival = parts.direct_door.knock(site.base_url, ApiToken(*PERSON))
    draft = Draft("By token", "", [], Product.CLOUD, Method.API_TOKEN, {})
    integration = actions.create_with_token(parts.store, parts.sites, parts.keyring, account.id, draft, arrival)
    assert integration.tenant_id is not None
    return Town(parts, site, integration.tenant_id, integration.id, database_url)


@pytest.fixture
def towns(a_town: Callable[..., Town], town_parts: Runtime, database_url: str) -> tuple[Town, Town]:
    """A site as the app reads it, and as a token does."""
    by_app = a_town(issues=60, projects=2)
    by_app.site.options.api_tokens = dict([PERSON])
    by_token = a_token_town(town_parts, by_app.site, database_url)
    by_token.backfill()
    return by_app, by_token


def test_a_token_ends_in_the_rows_of_the_app(towns: tuple[Town, Town]) -> None:
    by_app, by_token = towns
    assert by_token.integration().state is State.HEALTHY
    app_rows, token_rows = (rows.rows_of_tenant(town.database_url, town.tenant_id) for town in towns)
    assert rows.summary(rows.compare(token_rows, app_rows)) == ""
    assert {name: len(table) for name, table in token_rows.items()} == {
        name: len(table) for name, table in app_rows.items()
    }
    assert by_app.differences() == []


def test_a_poll_finds_what_no_webhook_told(towns: tuple[Town, Town]) -> None:
    by_app, by_token = towns
    for kind in ("update_issue", "add_comment", "add_worklog", "create_issue"):
        by_token.site.mutate(kind)
    by_token.catch_up()
    by_app.catch_up()
    app_rows, token_rows = (rows.rows_of_tenant(town.database_url, town.tenant_id) for town in towns)
    assert rows.summary(rows.compare(token_rows, app_rows)) == ""
