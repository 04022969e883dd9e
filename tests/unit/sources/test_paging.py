"""The page loop: every list goes through it, and no list goes in circles."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from app.conditions import Code
from app.errors import JiraGone, WalkAstray
from app.sources import Gone, Page, Place, WalkGuard, follow

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.catalog.json_value import Json

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def page(items: list[Json], token: str | None = None) -> Page:
    return Page([*items], Place(token=token) if token else None, None, NOON)


def script(*pages: Page) -> Callable[[Place], Page]:
    """Answers in order, for any place."""
    supply = iter(pages)
    return lambda _place: next(supply)


def test_pages_come_in_order_until_there_is_no_next_place() -> None:
    pages = [*follow(script(page([1], "a"), page([2], "b"), page([3])))]
    assert [item for outcome in pages if isinstance(outcome, Page) for item in outcome.items] == [1, 2, 3]


def test_the_loop_begins_at_the_place_of_a_checkpoint() -> None:
    places: list[Place] = []

    def fetch(place: Place) -> Page:
        places.append(place)
        return page([1], "b") if place.token == "a" else page([2])

    assert len([*follow(fetch, Place(token="a"))]) == 2
    assert places == [Place(token="a"), Place(token="b")]


def test_a_repeated_token_ends_the_walk() -> None:
    with pytest.raises(WalkAstray, match="repeated"):
        [*follow(script(page([1], "a"), page([2], "b"), page([3], "a")))]


def test_a_run_of_empty_pages_ends_the_walk_and_three_do_not() -> None:
    assert len([*follow(script(page([1], "a"), page([], "b"), page([], "c"), page([], "d"), page([2])))]) == 5
    with pytest.raises(WalkAstray, match="empty"):
        [*follow(script(page([1], "a"), page([], "b"), page([], "c"), page([], "d"), page([], "e")))]


def test_more_than_twice_the_sites_own_count_ends_the_walk() -> None:
    guard = WalkGuard(expected=10, seen=1015)
    with pytest.raises(WalkAstray, match="beyond_count"):
        [*follow(script(page([1] * 6)), guard=guard)]


def test_a_list_without_an_end_ends() -> None:
    guard = WalkGuard(pages=19_999)
    with pytest.raises(WalkAstray, match="endless"):
        [*follow(script(page([1], "a")), guard=guard)]


def test_a_finding_is_the_last_element() -> None:
    finding = Gone(JiraGone(Code.ANSWERED, status=404, endpoint=""))
    answers = iter([page([1], "a"), finding])
    assert [type(outcome) for outcome in follow(lambda _place: next(answers))] == [Page, Gone]
