"""A Redis outage ends RQ's scheduler, but not the clock."""

from __future__ import annotations

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from rq.exceptions import StopRequested

from workers.timekeeping import keep_time

UNREACHABLE_REDIS = Redis.from_url("redis://127.0.0.1:1/0")


class Scheduler:
    """A scheduler that follows a script: each start raises the next error; None stops by signal."""

    def __init__(self, *script: Exception | None) -> None:
        self.script = list(script)
        self.starts = 0

    def __call__(self, _redis: Redis) -> Scheduler:
        return self

    def start(self) -> None:
        self.starts += 1
        problem = self.script.pop(0)
        if problem is not None:
            raise problem


def test_it_starts_again_as_often_as_redis_goes_away() -> None:
    clock, pauses = Scheduler(RedisConnectionError(), RedisConnectionError(), None), list[float]()
    keep_time(UNREACHABLE_REDIS, make=clock, pause=pauses.append)  # type: ignore[arg-type]  # stands in for RQ's
    assert (clock.starts, len(pauses)) == (3, 2)


def test_a_signal_ends_it_also_while_it_waits() -> None:
    def interrupted(_seconds: float) -> None:
        raise StopRequested

    clock = Scheduler(RedisConnectionError())
    keep_time(UNREACHABLE_REDIS, make=clock, pause=interrupted)  # type: ignore[arg-type]  # stands in for RQ's
    assert clock.starts == 1
