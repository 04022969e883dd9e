"""Attempts are counted by the right keys, and Redis learns no identities."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from redis import Redis

from app.errors import TooMany
from app.pairing.attempts import Attempts

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url.replace("?db=0", "?db=9")) as client:
        client.flushdb()
        yield client


def tries_until_refused(attempts: Attempts, address: str, prefixes: Iterator[str]) -> int:
    for number, prefix in enumerate(prefixes):
        try:
            attempts.count_login(address, prefix)
        except TooMany as refusal:
            return number if 0 < refusal.retry_after <= 300 else -1
    raise AssertionError("nobody was refused")


def test_one_key_from_one_address(redis: Redis) -> None:
    assert tries_until_refused(Attempts(redis), "192.0.2.1", iter(["sei_abcdefgh"] * 20)) == 10


def test_many_keys_from_one_address(redis: Redis) -> None:
    attempts = Attempts(redis)
    prefixes = (f"sei_{secrets.token_hex(4)}" for _ in range(300))
    assert tries_until_refused(attempts, "192.0.2.1", prefixes) == 200
    attempts.count_login("192.0.2.2", "sei_abcdefgh")


@pytest.mark.parametrize("person", ["eve@victim.example", "557058:eve", "\ud800"])
def test_redis_does_not_learn_whose_tries_they_are(redis: Redis, person: str) -> None:
    attempts, tenant = Attempts(redis), uuid4()
    attempts.count_redemption(tenant, person)
    attempts.count_login("192.0.2.1", "sei_abcdefgh")
    keys = b" ".join(redis.scan_iter())
    for word in (b"eve", b"557058", b"192.0.2.1", b"sei_"):
        assert word not in keys
    attempts.forgive(tenant, person)
    for _ in range(5):
        attempts.count_redemption(tenant, person)
