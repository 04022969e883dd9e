"""Odd answers of real sites: one odd answer costs one odd thing, is named with its reason, and clears when it heals."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from sandbox import Site, serve
from tests.field.cases import CASES, Case
from tests.field.reading import stored_values, unread_parts
from tests.soak import time_travel
from tests.soak.truth import differences
from tests.story.processes import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox import SiteKey
    from sandbox.damage import Damage
    from tests.story.processes import RunningApp

PATIENCE = 300
ids = [case.name for case in CASES]


@dataclass
class Played:
    """A case on its paired site."""

    site: Site
    damage: Damage
    integration: str


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest, app: RunningApp, install_key: SiteKey) -> Iterator[dict[str, Played]]:
    """The site of each case of this run, paired at once: they are read beside each other."""
    calls = [getattr(item, "callspec", None) for item in request.session.items]
    run = {call.params["case"] for call in calls if call is not None and isinstance(call.params.get("case"), Case)}
    cases = {}
    with ExitStack() as servers:
        for number, case in enumerate(CASES):
            if case not in run:
                continue
            site = Site(app_url=app.url, key=install_key, dataset="seeded", issues=40, projects=2, seed=100 + number)
            servers.enter_context(serve(site))
            damage = case.spoil(site)
            site.options.oddities = list(damage.oddities)
            cases[case.name] = Played(site, damage, app.pair(site, case.name))
        yield cases


@pytest.fixture(scope="module")
def healed(played: dict[str, Played], app: RunningApp, story_database_url: str) -> dict[str, Played]:
    """The same sites without their oddities, and every next try due."""
    for odd in played.values():
        app.wait_until_verified(odd.integration, PATIENCE)
        odd.damage.heal(odd.site)
        time_travel.retry_unreadable(story_database_url, odd.site.client_key)
        time_travel.make_due(story_database_url, odd.site.client_key, "refresh")
    return played


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_one_odd_answer_costs_one_odd_thing(
    case: Case, played: dict[str, Played], app: RunningApp, story_database_url: str
) -> None:
    odd = played[case.name]
    app.wait_until_verified(odd.integration, PATIENCE)
    assert unread_parts(app, odd.integration) == odd.damage.parts
    absent_ids, odd_issues = odd.damage.absent_ids, odd.damage.odd_issues
    assert differences(story_database_url, odd.site, without=absent_ids, odd_issues=odd_issues) == []
    assert stored_values(story_database_url, odd.site, odd.damage) == odd.damage.values


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
