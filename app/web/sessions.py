"""Valid console sessions, in Redis: signing out ends a session everywhere, copies of its cookie included."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from app.conditions import Code
from app.errors import Unavailable

if TYPE_CHECKING:
    from redis import Redis

LIFE = timedelta(hours=8)
_KEY = "console-session:"


def begin(redis: Redis) -> str:
    """Begin a session. Returns its name. Raises Unavailable."""
    name = secrets.token_urlsafe(24)
    try:
        redis.set(_KEY + name, "1", ex=LIFE)
    except RedisError as error:
        raise Unavailable(Code.REDIS_AWAY) from error
    return name


def is_good(redis: Redis, name: str) -> bool:
    """Whether a session has neither ended nor expired. Raises Unavailable."""
    try:
        return bool(name) and bool(redis.exists(_KEY + name))
    except RedisError as error:
        raise Unavailable(Code.REDIS_AWAY) from error


def end(redis: Redis, name: str) -> None:
    """End a session. Raises Unavailable."""
    try:
        redis.delete(_KEY + name)
    except RedisError as error:
        raise Unavailable(Code.REDIS_AWAY) from error
