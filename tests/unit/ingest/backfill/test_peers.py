"""Each hand has its part of a site's walks, which shrinks when another hand joins."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app import clock
from app.ingest.backfill.peers import Peers, Share
from app.ingest.backfill.time_slice import TimeSlice

WALKS = 16


class Fellows(Peers):
    """So many hands as the test says."""

    def __init__(self, hands: int) -> None:
        self.hands = hands

    def count(self) -> int:
        return self.hands


@pytest.fixture
def given() -> TimeSlice:
    return TimeSlice(clock.now() + timedelta(seconds=60))


@pytest.mark.parametrize(("hands", "walks"), [(1, 16), (2, 8), (3, 6), (5, 4), (16, 1), (40, 1)])
def test_a_part_is_what_all_hands_may_have_evenly_and_one_walk_at_least(
    given: TimeSlice, hands: int, walks: int
) -> None:
    part = Share(WALKS, Fellows(hands))
    taken = 0
    while part.take(given) is not None:
        taken += 1
    assert taken == walks


def test_a_walk_that_has_ended_makes_room_for_another(given: TimeSlice) -> None:
    part = Share(WALKS, Fellows(16))
    for _ in range(3):
        stay = part.take(given)
        assert stay is not None
        assert part.take(given) is None
        with stay:
            assert not stay.is_over()


def test_who_has_more_than_his_part_gives_back_what_is_beyond_it_and_no_more(given: TimeSlice) -> None:
    fellows = Fellows(2)
    part = Share(WALKS, fellows)
    stays = [stay for _ in range(8) if (stay := part.take(given)) is not None]
    assert not any(stay.is_over() for stay in stays)
    fellows.hands = 4
    assert [stay.is_over() for stay in stays] == [True] * 4 + [False] * 4
    assert [stay.is_over() for stay in stays] == [True] * 4 + [False] * 4, "once it is over, it stays so"
    for stay in stays[:4]:
        with stay:
            assert part.take(given) is None
    with stays[4]:
        pass
    assert part.take(given) is not None


def test_a_walk_is_over_with_the_slice(given: TimeSlice) -> None:
    stay = Share(WALKS, Fellows(1)).take(TimeSlice(clock.now()))
    assert stay is not None
    assert stay.is_over()
