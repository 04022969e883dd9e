"""The difficult site: everything that can be had is had, each other part is named once, and clears when it heals."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from sandbox import serve
from sandbox.damage import total_of
from sandbox.difficult import DIFFICULTIES, difficult_site
from tests.field.reading import stored_values, unread_parts
from tests.soak import time_travel
from tests.soak.truth import differences
from tests.soak.watch import FeedReader
from tests.story.processes import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox import Site, SiteKey
    from sandbox.damage import Damage
    from tests.field.conftest import Played
    from tests.story.processes import RunningApp

PATIENCE = 600
ROUND_S = 5.0
"""Pause between two times at which the refresh of lists is made due: one round takes a limited number."""


@dataclass
class Difficult:
    """The paired site, the damage by group, and a reader of its feed."""

    site: Site
    damages: dict[str, Damage]
    integration: str
    reader: FeedReader

    @property
    def damage(self) -> Damage:
        """All that isn't healed."""
        return total_of(self.damages.values())


@pytest.fixture(scope="module")
def difficult(app: RunningApp, install_key: SiteKey, played: dict[str, Played]) -> Iterator[Difficult]:
    """The site, verified for the first time."""
    site, damages = difficult_site(app_url=app.url, key=install_key)
    with serve(site):
        integration = app.pair(site, "The difficult site")
        app.wait_until_verified(integration, PATIENCE)
        yield Difficult(site, damages, integration, FeedReader(app, integration))


def explain(difficult: Difficult, app: RunningApp, database_url: str) -> str:
    differing_parts = unread_parts(app, difficult.integration) ^ difficult.damage.parts
    return (
        f"{differing_parts}\n{problems(difficult, database_url)}\n{app.progress(difficult.integration)}\n{app.tail()}"
    )


def problems(difficult: Difficult, database_url: str) -> list[str]:
    """Differences of tables and feed from the site's truth for the rest, and of the feed from the tables."""
    damage, site = difficult.damage, difficult.site
    result = differences(database_url, site, without=damage.absent_ids, odd_issues=damage.odd_issues)
    difficult.reader.take()
    result += difficult.reader.problems(database_url, site.client_key)
    for entity, truth in site.truth()["entities"].items():
        true_ids = {str(row_id) for row_id in truth["ids"]} - damage.absent_ids.get(entity, frozenset())
        rows = [(key[1], line) for key, line in difficult.reader.replica.items() if key[0] == entity]
        row_ids = {row_id for row_id, line in rows if line["op"] == "upsert" and not line["data"].get("is_stub")}
        if row_ids != true_ids:
            result.append(
                f"{entity} in the feed: {len(row_ids)} rows, on the site {len(true_ids)}: {row_ids ^ true_ids}"
            )
    return result


def test_each_part_that_cannot_be_had_is_named_once_with_its_reason_and_remedy(
    difficult: Difficult, app: RunningApp
) -> None:
    assert unread_parts(app, difficult.integration) == difficult.damage.parts


def test_tables_and_feed_equal_the_site_in_everything_else(
    difficult: Difficult, app: RunningApp, story_database_url: str
) -> None:
    # Stubs of the unreadable issues may still be written behind the verification.
    wait_for(
        lambda: not problems(difficult, story_database_url), 60, lambda: explain(difficult, app, story_database_url)
    )
    assert stored_values(story_database_url, difficult.site, difficult.damage) == difficult.damage.values


def test_a_site_with_unreadable_parts_is_healthy_and_verified(difficult: Difficult, app: RunningApp) -> None:
    progress = app.progress(difficult.integration)
    assert (progress["state"], bool(progress["verified_at"])) == ("healthy", True)
    assert progress["values_left_out"] > 0


@pytest.mark.parametrize("group", DIFFICULTIES)
def test_the_findings_of_a_healed_group_clear_by_themselves(
    group: str, difficult: Difficult, app: RunningApp, story_database_url: str
) -> None:
    healed_damage = difficult.damages.pop(group)
    healed_damage.heal(difficult.site)
    time_travel.retry_unreadable(story_database_url, difficult.site.client_key)
    last_round = 0.0

    def is_healed() -> bool:
        nonlocal last_round
        if time.monotonic() > last_round + ROUND_S:
            time_travel.make_due(story_database_url, difficult.site.client_key, "refresh")
            last_round = time.monotonic()
        is_clear = unread_parts(app, difficult.integration) == difficult.damage.parts
        return is_clear and not problems(difficult, story_database_url)

    wait_for(is_healed, PATIENCE, lambda: explain(difficult, app, story_database_url))
    assert app.progress(difficult.integration)["state"] == "healthy"


def test_a_healed_site_is_whole(difficult: Difficult, app: RunningApp, story_database_url: str) -> None:
    assert (difficult.damage.parts, unread_parts(app, difficult.integration)) == (frozenset(), set())
    wait_for(lambda: app.progress(difficult.integration)["values_left_out"] == 0, PATIENCE, app.tail)
    wait_for(
        lambda: not problems(difficult, story_database_url), 60, lambda: explain(difficult, app, story_database_url)
    )
