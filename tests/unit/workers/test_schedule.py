"""The clock only enqueues, once a period, whoever and however many ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from redis import Redis

from app import jobs
from app.jobs import BY_THE_CLOCK, Periodic
from workers.schedule import SCHEDULE, Tick, scheduler

if TYPE_CHECKING:
    from tests.unit.conftest import Hands

MINUTELY = Periodic(jobs.SWEEP, every=60)


@pytest.fixture
def nowhere() -> Redis:
    """A Redis that is not there: whoever asks it fails the test."""
    return Redis.from_url("redis://127.0.0.1:1/0")


@pytest.fixture
def enqueued(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None]]:
    """Name and once-as of what is enqueued; the queue itself is tried in the integration tests."""
    found: list[tuple[str, str | None]] = []
    monkeypatch.setattr(jobs, "enqueue", lambda _redis, spec, *_args, once_as=None: found.append((spec.name, once_as)))
    return found


def test_a_tick_names_its_jobs_lane_and_function() -> None:
    tick = Tick(MINUTELY)
    assert (tick.queue_name, tick.func_name, tick.interval) == ("steady", "workers.upkeep.sweep", 60)


def test_two_clocks_in_one_period_ask_for_one_job(
    nowhere: Redis, enqueued: list[tuple[str, str | None]], hands: Hands
) -> None:
    for seconds in (0, 1, 58, 1):
        hands.move(seconds)
        Tick(MINUTELY).enqueue(nowhere)
    assert len(set(enqueued[:3])) == 1
    assert enqueued[3] not in enqueued[:3], "a new period is a new job"


def test_a_clock_that_restarts_asks_for_the_same_job(
    nowhere: Redis, enqueued: list[tuple[str, str | None]], hands: Hands
) -> None:
    hands.move(30)
    Tick(MINUTELY).enqueue(nowhere)
    hands.move(10)
    Tick(MINUTELY).enqueue(nowhere)
    assert len(set(enqueued)) == 1


def test_the_scheduler_holds_the_whole_list(nowhere: Redis) -> None:
    held = [(job.func_name, job.interval) for job in scheduler(nowhere).get_jobs()]
    assert held == [(periodic.spec.path, periodic.every) for periodic in SCHEDULE]


def test_every_period_is_a_sensible_number_of_seconds() -> None:
    assert all(5 <= periodic.every <= 7 * 24 * 3600 for periodic in BY_THE_CLOCK)
    assert all(periodic.within is None or periodic.within <= periodic.every for periodic in BY_THE_CLOCK)
    assert len({periodic.spec.name for periodic in BY_THE_CLOCK}) == len(BY_THE_CLOCK)
