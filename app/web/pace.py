"""Rate limits a caller, by door: one caller must not slow the others. Counted in Redis for all processes.

These limits protect speed, not secrets: while Redis is away, calls pass. Guessing is limited in `pairing`, which refuses
in that case. Webhooks are not limited: the inbox absorbs Jira's bursts.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from limits import RateLimitItemPerMinute
from limits.storage import RedisStorage
from limits.strategies import FixedWindowRateLimiter
from redis.exceptions import RedisError

from app import clock, ids, logs
from app.conditions import Code
from app.errors import TooMany

if TYPE_CHECKING:
    from redis import Redis

log = logs.get(__name__)

LIFECYCLE = RateLimitItemPerMinute(1200, namespace="pace-lifecycle")
FRAME = RateLimitItemPerMinute(240, namespace="pace-frame")
API = RateLimitItemPerMinute(3000, namespace="pace-api")


class Pace:
    """Counts the calls of each caller a minute."""

    def __init__(self, redis: Redis) -> None:
        self._limiter = FixedWindowRateLimiter(RedisStorage("redis://", connection_pool=redis.connection_pool))

    def keep(self, limit: RateLimitItemPerMinute, caller: str) -> None:
        """Count a call. Raises TooMany with the seconds until the next minute."""
        caller = ids.opaque(caller)
        try:
            if self._limiter.hit(limit, caller):
                return
            wait = self._limiter.get_window_stats(limit, caller).reset_time - clock.now().timestamp()
        except RedisError:
            log.warning("calls are not counted: Redis does not answer")
            return
        raise TooMany(Code.TOO_MANY_CALLS, retry_after=max(1, math.ceil(wait)))
