"""Each worker has a share of a site's walks, which shrinks when another worker joins."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app import clock
from app.ingest.backfill.peers import Peers, Share
from app.ingest.backfill.time_slice import TimeSlice

WALKS = 16


class FixedPeers(Peers):
    """A fixed number of workers."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def count(self) -> int:
        return self.workers


@pytest.fixture
def time_slice() -> TimeSlice:
    return TimeSlice(clock.now() + timedelta(seconds=60))


@pytest.mark.parametrize(("workers", "walks"), [(1, 16), (2, 8), (3, 6), (5, 4), (16, 1), (40, 1)])
def test_walks_are_shared_evenly_and_each_worker_has_one_at_least(
    time_slice: TimeSlice, workers: int, walks: int
) -> None:
    share = Share(WALKS, FixedPeers(workers))
    count = 0
    while share.take(time_slice) is not None:
        count += 1
    assert count == walks


def test_a_walk_that_has_ended_makes_room_for_another(time_slice: TimeSlice) -> None:
    share = Share(WALKS, FixedPeers(16))
    for _ in range(3):
        slot = share.take(time_slice)
        assert slot is not None
        assert share.take(time_slice) is None
        with slot:
            assert not slot.is_over()


def test_a_worker_with_surplus_walks_gives_back_the_surplus_and_no_more(time_slice: TimeSlice) -> None:
    peers = FixedPeers(2)
    share = Share(WALKS, peers)
    slots = [slot for _ in range(8) if (slot := share.take(time_slice)) is not None]
    assert not any(slot.is_over() for slot in slots)
    peers.workers = 4
    assert [slot.is_over() for slot in slots] == [True] * 4 + [False] * 4
    assert [slot.is_over() for slot in slots] == [True] * 4 + [False] * 4, "once it is over, it stays so"
    for slot in slots[:4]:
        with slot:
            assert share.take(time_slice) is None
    with slots[4]:
        pass
    assert share.take(time_slice) is not None


def test_a_walk_is_over_with_the_slice(time_slice: TimeSlice) -> None:
    slot = Share(WALKS, FixedPeers(1)).take(TimeSlice(clock.now()))
    assert slot is not None
    assert slot.is_over()
