"""A Redis that goes away ends RQ's scheduler, not the clock."""

from __future__ import annotations

from redis import Redis
from redis.exceptions import ConnectionError as RedisAway
from rq.exceptions import StopRequested

from workers.timekeeping import keep_time

NOWHERE = Redis.from_url("redis://127.0.0.1:1/0")


class Scheduler:
    """Ends as its script says, one entry a start; the last one is a stop by signal."""

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
    clock, waited = Scheduler(RedisAway(), RedisAway(), None), list[float]()
    keep_time(NOWHERE, make=clock, pause=waited.append)  # type: ignore[arg-type]  # stands in for RQ's
    assert (clock.starts, len(waited)) == (3, 2)


def test_a_signal_ends_it_also_while_it_waits() -> None:
    def interrupted(_seconds: float) -> None:
        raise StopRequested

    clock = Scheduler(RedisAway())
    keep_time(NOWHERE, make=clock, pause=interrupted)  # type: ignore[arg-type]  # stands in for RQ's
    assert clock.starts == 1
