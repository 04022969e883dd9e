"""The next answer of its own process wakes a request that waits for room at a site; earlier answers don't."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from app.jira.room import Room


def test_a_lease_given_back_ends_the_wait() -> None:
    room = Room()
    with ThreadPoolExecutor(1) as thread:
        future = thread.submit(room.wait, 30.0, since=room.count)
        room.free()
        assert future.result() < 30


def test_one_that_was_given_back_between_asking_and_waiting_is_not_missed() -> None:
    room = Room()
    answer_count = room.count
    room.free()
    assert room.wait(30.0, since=answer_count) < 30


def test_nobody_waits_for_ever() -> None:
    room = Room()
    start = time.monotonic()
    room.free()
    assert room.wait(0.05, since=room.count) >= 0.05
    assert time.monotonic() - start < 30
