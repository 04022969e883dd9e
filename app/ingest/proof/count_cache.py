"""Jira's counts of a verification under way, kept between its attempts: a postponed verification resumes with them.

They are in Redis, and losing them costs only requests.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

if TYPE_CHECKING:
    from uuid import UUID

    from redis import Redis

_LIFE = 600
"""Seconds of validity after the last count: the site keeps changing."""
_NO_COUNT = ""


class CountCache:
    """The counts of one tenant by project; None where Jira refuses to count."""

    def __init__(self, redis: Redis, tenant_id: UUID) -> None:
        self._redis = redis
        self._key = f"counted:{tenant_id}"

    def known(self) -> dict[str, int | None]:
        """The counts so far."""
        with suppress(RedisError):
            entries = self._redis.hgetall(self._key)
            return {
                name.decode() if isinstance(name, bytes) else name: int(value) if value else None
                for name, value in entries.items()
            }
        return {}

    def note(self, project_id: str, count: int | None) -> None:
        """Keep a count for the next attempt."""
        with suppress(RedisError):
            self._redis.hset(self._key, project_id, _NO_COUNT if count is None else count)
            self._redis.expire(self._key, _LIFE)

    def forget(self) -> None:
        """Discard the counts after the verification."""
        with suppress(RedisError):
            self._redis.delete(self._key)
