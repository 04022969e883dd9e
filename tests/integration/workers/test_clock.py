"""The clock lives on while Redis is away."""

from __future__ import annotations

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from workers.schedule import scheduler


def test_the_clock_lives_on_while_redis_is_away() -> None:
    made = scheduler(Redis(port=1, retry=Retry(NoBackoff(), 0)))
    made.register_birth()
    assert made.enqueue_jobs() == made.get_jobs()
    assert made.calculate_sleep_interval() > 0, "it would try without a pause"
    made.save()
    made.heartbeat()
    made.register_death()
