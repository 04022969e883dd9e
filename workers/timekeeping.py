"""Keeps the clock running: RQ's scheduler ends at the first failure of Redis, and the clock must not."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from redis.exceptions import RedisError
from rq.exceptions import StopRequested

from app import logs
from workers.schedule import scheduler

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis import Redis
    from rq.cron import CronScheduler

log = logs.get(__name__)

_PAUSE = 2.0
"""Seconds between attempts to reach Redis, much less than the shortest period."""


def keep_time(
    redis: Redis,
    *,
    make: Callable[[Redis], CronScheduler] = scheduler,
    pause: Callable[[float], object] | None = None,
) -> None:
    """Run the scheduler until it is told to stop, through any outages of Redis."""
    wait = pause or threading.Event().wait
    try:
        while True:
            try:
                make(redis).start()  # type: ignore[no-untyped-call]  # RQ's own
            except RedisError as error:
                log.warning("the clock's Redis does not answer", problem=type(error).__name__)
                wait(_PAUSE)
            else:
                return
    except StopRequested:
        # RQ's signal handler stays in place during our pauses.
        return
