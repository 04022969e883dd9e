"""The clock enqueues each periodic job once per period, for any number of clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from redis import Redis

from app import jobs
from app.jobs import BY_THE_CLOCK, Periodic
from workers.schedule import SCHEDULE, Tick, scheduler

if TYPE_CHECKING:
    from tests.unit.conftest import FrozenClock

MINUTELY = Periodic(jobs.SWEEP, every=60)


@pytest.fixture
def unreachable_redis() -> Redis:
    """A Redis that is down: a request fails the test."""
    return Redis.from_url("redis://127.0.0.1:1/0")


@pytest.fixture
def enqueued_jobs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None]]:
    """Names and deduplication keys of enqueued jobs. The integration tests cover the queue itself."""
    calls: list[tuple[str, str | None]] = []
    monkeypatch.setattr(jobs, "enqueue", lambda _redis, spec, *_args, once_as=None: calls.append((spec.name, once_as)))
    return calls


def test_a_tick_names_its_jobs_lane_and_function() -> None:
    tick = Tick(MINUTELY)
    assert (tick.queue_name, tick.func_name, tick.interval) == ("steady", "workers.upkeep.sweep", 60)


def test_two_clocks_in_one_period_ask_for_one_job(
    unreachable_redis: Redis, enqueued_jobs: list[tuple[str, str | None]], frozen_clock: FrozenClock
) -> None:
    for seconds in (0, 1, 58, 1):
        frozen_clock.move(seconds)
        Tick(MINUTELY).enqueue(unreachable_redis)
    assert len(set(enqueued_jobs[:3])) == 1
    assert enqueued_jobs[3] not in enqueued_jobs[:3], "a new period is a new job"


def test_a_clock_that_restarts_asks_for_the_same_job(
    unreachable_redis: Redis, enqueued_jobs: list[tuple[str, str | None]], frozen_clock: FrozenClock
) -> None:
    frozen_clock.move(30)
    Tick(MINUTELY).enqueue(unreachable_redis)
    frozen_clock.move(10)
    Tick(MINUTELY).enqueue(unreachable_redis)
    assert len(set(enqueued_jobs)) == 1


def test_the_scheduler_holds_the_whole_list(unreachable_redis: Redis) -> None:
    schedule = [(job.func_name, job.interval) for job in scheduler(unreachable_redis).get_jobs()]
    assert schedule == [(periodic.spec.path, periodic.every) for periodic in SCHEDULE]


def test_every_period_is_a_sensible_number_of_seconds() -> None:
    assert all(5 <= periodic.every <= 7 * 24 * 3600 for periodic in BY_THE_CLOCK)
    assert all(periodic.within is None or periodic.within <= periodic.every for periodic in BY_THE_CLOCK)
    assert len({periodic.spec.name for periodic in BY_THE_CLOCK}) == len(BY_THE_CLOCK)
