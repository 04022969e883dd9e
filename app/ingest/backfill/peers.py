"""Backfill workers at one site at this moment, on all machines, and each one's share of the site's walks.

Workers register in Redis. When a peer joins, shares shrink: workers release surplus walks after the current page, and the
peer resumes them there. Without Redis a worker assumes that it is alone; PostgreSQL limits the walks of all workers in
any case.
"""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from redis.exceptions import RedisError

from app import clock, ids, logs

if TYPE_CHECKING:
    from uuid import UUID

    from redis import Redis

    from app.ingest.backfill.time_slice import TimeSlice

log = logs.get(__name__)

_LIFE_MS = 10_000
"""Time until a killed worker is forgotten."""
_LOOK = timedelta(seconds=0.5)
"""Interval between two counts of the peers."""

# KEYS: the hands of a site · ARGV: one of them, ms until it is forgotten · Returns how many there are
_REGISTER_PEER = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[2]), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])
"""


class Peers:
    """The peers of a worker at a site; entered while the worker is there."""

    def __init__(self, redis: Redis | None, tenant_id: UUID) -> None:
        """Without `redis` a worker is alone."""
        self._redis = redis
        self._key = f"hands:{tenant_id}"
        self._member_id = str(ids.new())
        self._count = 1
        self._look_at = clock.now()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._redis is not None:
            try:
                self._redis.zrem(self._key, self._member_id)
            except RedisError as error:
                log.warning("not said goodbye", problem=type(error).__name__)

    def count(self) -> int:
        """Number of workers, this one included, at most half a second old."""
        now = clock.now()
        if self._redis is not None and now >= self._look_at:
            self._look_at = now + _LOOK
            try:
                self._count = int(self._redis.eval(_REGISTER_PEER, 1, self._key, self._member_id, str(_LIFE_MS)))
            except RedisError:
                self._count = 1
        return self._count


class Share:
    """A worker's share of a site's walks."""

    def __init__(self, walks: int, peers: Peers) -> None:
        self._walks = walks
        self._peers = peers
        self._slot_count = 0
        self._lock = threading.Lock()

    def take(self, deadline: TimeSlice) -> Slot | None:
        """A slot for one thread; None where the share is used up."""
        with self._lock:
            if self._slot_count >= self._size():
                return None
            self._slot_count += 1
        return Slot(self, deadline)

    def give_back(self, *, if_surplus: bool = False) -> bool:
        """Release one walk. Returns whether it was released: with `if_surplus` only one beyond the share."""
        with self._lock:
            if if_surplus and self._slot_count <= self._size():
                return False
            self._slot_count -= 1
            return True

    def _size(self) -> int:
        return max(1, -(-self._walks // self._peers.count()))


class Slot:
    """A thread's permission to walk; entered while it walks."""

    def __init__(self, share: Share, deadline: TimeSlice) -> None:
        self._share = share
        self._deadline = deadline
        self._is_given_back = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if not self._is_given_back:
            self._share.give_back()

    def is_over(self) -> bool:
        """Whether to stop after this page: the time slice is over, or this walk is surplus. Once true, it stays true."""
        if not self._is_given_back:
            self._is_given_back = self._share.give_back(if_surplus=True)
        return self._is_given_back or self._deadline.is_over()
