"""Rate limits on passwords and tokens: passwords per user of a site, per site, and per Atlassian account across sites.

Every attempt counts before its password is checked, since parallel guesses could slip through together otherwise. A
success clears the counters of the user.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from limits import RateLimitItemPerMinute
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

from app import clock, ids
from app.conditions import Code
from app.errors import TooMany, Unavailable

if TYPE_CHECKING:
    from uuid import UUID

    from redis import Redis

_PER_USER = RateLimitItemPerMinute(5, 15, "otp-user")
_PER_SITE = RateLimitItemPerMinute(20, 15, "otp-site")
_PER_ACCOUNT = RateLimitItemPerMinute(10, 15, "otp-account")
_PER_MINTER = RateLimitItemPerMinute(60, 15, "otp-mint")
_PER_TOKEN_GIVER = RateLimitItemPerMinute(60, 15, "token")
"""A token that is tried reaches Atlassian, which locks accounts after wrong ones."""
_PER_KEY = RateLimitItemPerMinute(10, 5, "console-login")
_PER_ADDRESS = RateLimitItemPerMinute(200, 5, "console-address")
"""Wide, since everybody behind the operator's proxy shares its address."""


class Attempts:
    """Counts attempts in Redis, for all processes."""

    def __init__(self, redis: Redis) -> None:
        storage = RedisStorage("redis://", connection_pool=redis.connection_pool)
        self._limiter = MovingWindowRateLimiter(storage)

    def count_redemption(self, tenant_id: UUID, account_id: str) -> None:
        """Count an attempt to redeem. Raises TooMany with the seconds to wait, Unavailable."""
        try:
            for limit, key in self._of(tenant_id, account_id):
                self._require(limit, key, Code.TOO_MANY_TRIES)
        except RedisError as error:
            raise Unavailable(Code.REDIS_AWAY) from error

    def forgive(self, tenant_id: UUID, account_id: str) -> None:
        """Forget a user's attempts after a success. Raises Unavailable."""
        try:
            for limit, key in self._of(tenant_id, account_id):
                if limit is not _PER_SITE:
                    self._limiter.clear(limit, ids.opaque(key))
        except RedisError as error:
            raise Unavailable(Code.REDIS_AWAY) from error

    def count_mint(self, account_id: UUID) -> None:
        """Count a password minted for an SEI account. Raises TooMany, Unavailable."""
        try:
            self._require(_PER_MINTER, str(account_id), Code.TOO_MANY_KEYS)
        except RedisError as error:
            raise Unavailable(Code.REDIS_AWAY) from error

    def count_token(self, account_id: UUID) -> None:
        """Count an API token that an SEI account hands over, right or wrong. Raises TooMany, Unavailable."""
        try:
            self._require(_PER_TOKEN_GIVER, str(account_id), Code.TOO_MANY_TOKENS)
        except RedisError as error:
            raise Unavailable(Code.REDIS_AWAY) from error

    def count_login(self, address: str, prefix: str) -> None:
        """Count an attempt to sign in to the console, by client address and key prefix. Raises TooMany, Unavailable."""
        try:
            self._require(_PER_ADDRESS, address, Code.TOO_MANY_SIGN_INS)
            self._require(_PER_KEY, f"{address}/{prefix}", Code.TOO_MANY_SIGN_INS)
        except RedisError as error:
            raise Unavailable(Code.REDIS_AWAY) from error

    def _of(self, tenant_id: UUID, account_id: str) -> list[tuple[RateLimitItemPerMinute, str]]:
        return [
            (_PER_USER, f"{tenant_id}/{account_id}"),
            (_PER_SITE, str(tenant_id)),
            (_PER_ACCOUNT, account_id),
        ]

    def _require(self, limit: RateLimitItemPerMinute, caller: str, code: Code) -> None:
        key = ids.opaque(caller)
        if not self._limiter.hit(limit, key):
            reset = self._limiter.get_window_stats(limit, key).reset_time
            wait = max(1, math.ceil(reset - clock.now().timestamp()))
            raise TooMany(code, retry_after=wait, minutes=max(1, math.ceil(wait / 60)))
