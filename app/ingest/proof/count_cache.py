"""Jira's counts of a verification under way, kept between its attempts: one that was held back goes on where it was.

They lie in Redis and are no loss: without them a verification begins with its first count.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

if TYPE_CHECKING:
    from uuid import UUID

    from redis import Redis

_LIFE = 600
"""Seconds after the last count for which they are good: the site goes on changing."""
_UNSAID = ""


class CountCache:
    """The counts of one tenant by project; None where Jira would not say."""

    def __init__(self, redis: Redis, tenant_id: UUID) -> None:
        self._redis = redis
        self._key = f"counted:{tenant_id}"

    def known(self) -> dict[str, int | None]:
        """What was counted so far."""
        with suppress(RedisError):
            found = self._redis.hgetall(self._key)
            return {
                name.decode() if isinstance(name, bytes) else name: int(value) if value else None
                for name, value in found.items()
            }
        return {}

    def note(self, project_id: str, counted: int | None) -> None:
        """Keep a count for the next attempt."""
        with suppress(RedisError):
            self._redis.hset(self._key, project_id, _UNSAID if counted is None else counted)
            self._redis.expire(self._key, _LIFE)

    def forget(self) -> None:
        """The verification is over: the next one counts anew."""
        with suppress(RedisError):
            self._redis.delete(self._key)
