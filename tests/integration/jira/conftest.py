"""A limiter on a real Valkey, in a separate database, with a clock that moves during waits."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from redis import Redis

from app.jira.limits import Limiter

if TYPE_CHECKING:
    from collections.abc import Iterator

DATABASE = 9
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture
def limits_url(redis_url: str) -> str:
    return redis_url.replace("db=0", f"db={DATABASE}")


@pytest.fixture
def redis(limits_url: str) -> Iterator[Redis]:
    client = Redis.from_url(limits_url)
    assert client.connection_pool.connection_kwargs["db"] == DATABASE
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


class Patient(Limiter):
    """A limiter with waits that move its clock instead of sleeping. Redis's real time adds a few ms per call."""

    def __init__(self, redis: Redis, *, site_concurrency: int = 8, app_points_per_hour: int = 65_000) -> None:
        super().__init__(
            redis, site_concurrency=site_concurrency, app_points_per_hour=app_points_per_hour, pause=self.move
        )
        self.waits: list[float] = []
        self.set(NOON)

    def _rest(self, wait: float, _reason: str, _count: int) -> float:
        self._pause(wait)
        return wait

    def move(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.offset_ms += math.ceil(seconds * 1000)

    def set(self, moment: datetime) -> None:
        seconds, micros = self._redis.time()
        self.offset_ms = int(moment.timestamp() * 1000) - seconds * 1000 - micros // 1000


@pytest.fixture
def limiter(redis: Redis) -> Patient:
    return Patient(redis)
