"""Odd answers of real sites: one odd answer costs one odd thing, is named with its reason, and clears when it heals."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.field.cases import CASES, Case
from tests.field.reading import stored_values, unread_parts
from tests.soak import time_travel
from tests.soak.truth import differences

if TYPE_CHECKING:
    from tests.field.conftest import Played
    from tests.story.processes import RunningApp

PATIENCE = 300
ROUND_S = 5.0
"""Pause between two times at which the jobs that find the healed parts are made due."""
ids = [case.name for case in CASES]


@pytest.fixture(scope="module")
def healed(played: dict[str, Played], app: RunningApp, story_database_url: str) -> dict[str, Played]:
    """The same sites without their oddities, and every next try due: repeatedly, since one round takes a limited number."""
    for odd in played.values():
        app.wait_until_verified(odd.integration, PATIENCE)
        odd.damage.heal(odd.site)
    deadline = time.monotonic() + PATIENCE
    ill = list(played.values())
    while ill and time.monotonic() < deadline:
        for odd in ill:
            time_travel.retry_unreadable(story_database_url, odd.site.client_key)
            time_travel.make_due(story_database_url, odd.site.client_key, "refresh", "recent")
        time.sleep(ROUND_S)
        ill = [odd for odd in ill if not is_whole(odd, app, story_database_url)]
    return played


def is_whole(odd: Played, app: RunningApp, database_url: str) -> bool:
    """Whether everything of the site is stored, and the product says so."""
    if unread_parts(app, odd.integration) or differences(database_url, odd.site):
        return False
    progress = app.progress(odd.integration)
    return bool(progress["state"] == "healthy" and progress["state_reason"] is None)


def explain(odd: Played, app: RunningApp, database_url: str) -> str:
    differing_rows = differences(database_url, odd.site)
    return f"{unread_parts(app, odd.integration)} {app.progress(odd.integration)} {differing_rows}\n{app.tail()}"


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
    assert is_whole(odd, app, story_database_url), explain(odd, app, story_database_url)
