"""The clock survives an outage of Redis."""

from __future__ import annotations

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from workers.schedule import scheduler


def test_the_clock_lives_on_while_redis_is_away() -> None:
    clock = scheduler(Redis(port=1, retry=Retry(NoBackoff(), 0)))
    clock.register_birth()
    assert clock.enqueue_jobs() == clock.get_jobs()
    assert clock.calculate_sleep_interval() > 0, "retries need a pause"
    clock.save()
    clock.heartbeat()
    clock.register_death()
