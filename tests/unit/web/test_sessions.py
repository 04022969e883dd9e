"""Console sessions: valid until they end or expire, regardless of the cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.web import sessions

if TYPE_CHECKING:
    from redis import Redis


def test_a_session_is_good_until_it_ends(redis: Redis) -> None:
    name = sessions.begin(redis)
    assert sessions.is_good(redis, name)
    sessions.end(redis, name)
    assert not sessions.is_good(redis, name)


def test_a_session_expires(redis: Redis) -> None:
    sessions.begin(redis)
    (key,) = redis.keys()
    assert 0 < redis.ttl(key) <= sessions.LIFE.total_seconds()


def test_ending_one_session_leaves_the_others(redis: Redis) -> None:
    first, second = sessions.begin(redis), sessions.begin(redis)
    sessions.end(redis, first)
    assert sessions.is_good(redis, second)


@pytest.mark.parametrize("name", ["", "unknown"])
def test_a_name_that_nobody_was_given_is_no_session(redis: Redis, name: str) -> None:
    sessions.begin(redis)
    assert not sessions.is_good(redis, name)
