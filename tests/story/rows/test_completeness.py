"""A whole site with long tails: every entity by count and by checksum of ids and times. `make soak` has 20,000 issues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.soak.truth import differences

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Site
    from tests.story.processes import RunningApp


def test_a_site_with_long_tails_is_stored_whole(
    app: RunningApp, a_site: Callable[..., Site], story_database_url: str
) -> None:
    site = a_site(issues=2500, projects=4, seed=17)
    tails = [max(len(children) for children in lists) for lists in zip(*_lists(site), strict=True)]
    assert [tail > limit for tail, limit in zip(tails, (40, 20, 20), strict=True)] == [True] * 3, (
        "no long tails to miss"
    )
    app.wait_until_verified(app.pair(site))
    assert differences(story_database_url, site) == []
    assert site.traffic.as_json()["max_concurrency"] <= 8


def _lists(site: Site) -> list[tuple[list[object], list[object], list[object]]]:
    return [(issue.histories, issue.comments, issue.worklogs) for issue in site.world.searchable()]
