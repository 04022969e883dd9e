"""Jira's counts survive an interrupted verification, and no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from app.ingest.proof import CountCache

if TYPE_CHECKING:
    from redis import Redis

TENANT, SECOND_TENANT = UUID(int=1), UUID(int=2)


def test_a_later_attempt_knows_the_counts_of_its_tenant(redis: Redis) -> None:
    CountCache(redis, TENANT).note("10000", 7)
    CountCache(redis, TENANT).note("10001", None)
    assert CountCache(redis, TENANT).known() == {"10000": 7, "10001": None}
    assert CountCache(redis, SECOND_TENANT).known() == {}


def test_a_finished_verification_leaves_no_count(redis: Redis) -> None:
    counts = CountCache(redis, TENANT)
    counts.note("10000", 7)
    counts.forget()
    assert counts.known() == {}


def test_counts_expire(redis: Redis) -> None:
    CountCache(redis, TENANT).note("10000", 7)
    (key,) = redis.keys()
    assert 0 < redis.ttl(key) <= 600
