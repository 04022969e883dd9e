"""Odd answers of real sites: one odd answer costs one odd thing, is named with its reason, and clears when it heals."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
import pytest

from sandbox import Site, serve
from tests.field.cases import CASES, Case, Expectation, Unread
from tests.soak import time_travel
from tests.soak.truth import differences
from tests.story.processes import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox import SiteKey
    from tests.story.processes import RunningApp

PATIENCE = 300
ids = [case.name for case in CASES]


@dataclass
class Played:
    """A case on its paired site."""

    site: Site
    expectation: Expectation
    integration: str


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest, app: RunningApp, install_key: SiteKey) -> Iterator[dict[str, Played]]:
    """The site of each case of this run, paired at once: they are read beside each other."""
    run = {item.callspec.params["case"].name for item in request.session.items if isinstance(item, pytest.Function)}
    cases = {}
    with ExitStack() as servers:
        for number, case in enumerate(CASES):
            if case.name not in run:
                continue
            site = Site(app_url=app.url, key=install_key, dataset="seeded", issues=40, projects=2, seed=100 + number)
            servers.enter_context(serve(site))
            expectation = case.spoil(site)
            site.options.oddities = list(expectation.oddities)
            cases[case.name] = Played(site, expectation, app.pair(site, case.name))
        yield cases


@pytest.fixture(scope="module")
def healed(played: dict[str, Played], app: RunningApp, story_database_url: str) -> dict[str, Played]:
    """The same sites without their oddities, and every next try due."""
    for odd in played.values():
        app.wait_until_verified(odd.integration, PATIENCE)
        odd.site.options.oddities = []
        if odd.expectation.heal is not None:
            odd.expectation.heal(odd.site)
        time_travel.retry_unreadable(story_database_url, odd.site.client_key)
        time_travel.make_due(story_database_url, odd.site.client_key, "refresh")
    return played


def unread_parts(app: RunningApp, integration: str) -> set[Unread]:
    parts = app.api("GET", f"/integrations/{integration}/completeness").json()["unreadable"]
    return {Unread(part["entity"], part["scope_id"], part["reason"], part["is_object"]) for part in parts}


def stored_values(database_url: str, odd: Played) -> dict[tuple[str, str, str], object]:
    """The stored values in place of the expected ones."""
    values: dict[tuple[str, str, str], object] = {}
    with psycopg.connect(database_url) as connection:
        for entity, object_id, column in odd.expectation.values:
            query = f"SELECT {column} FROM jira_{entity} JOIN installations USING (tenant_id) WHERE client_key = %s AND id = %s"
            (values[entity, object_id, column],) = connection.execute(
                query, (odd.site.client_key, object_id)
            ).fetchone() or ("no row",)
    return values


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_one_odd_answer_costs_one_odd_thing(
    case: Case, played: dict[str, Played], app: RunningApp, story_database_url: str
) -> None:
    odd = played[case.name]
    app.wait_until_verified(odd.integration, PATIENCE)
    assert unread_parts(app, odd.integration) == odd.expectation.unread
    expectation = odd.expectation
    missing_rows = expectation.missing or {}
    assert differences(story_database_url, odd.site, without=missing_rows, odd_issues=expectation.odd_issues) == []
    assert stored_values(story_database_url, odd) == expectation.values


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_a_healed_part_is_read_and_its_finding_clears(
    case: Case, healed: dict[str, Played], app: RunningApp, story_database_url: str
) -> None:
    odd = healed[case.name]

    def is_whole() -> bool:
        if unread_parts(app, odd.integration) or differences(story_database_url, odd.site):
            return False
        progress = app.progress(odd.integration)
        return bool(progress["state"] == "healthy" and progress["state_reason"] is None)

    def explain() -> str:
        differing_rows = differences(story_database_url, odd.site)
        return f"{unread_parts(app, odd.integration)} {app.progress(odd.integration)} {differing_rows}\n{app.tail()}"

    wait_for(is_whole, PATIENCE, explain)
