"""Minted passwords in Redis: their keyed hashes only, until they expire.

A redemption claims a password for a few seconds instead of removing it. If the process dies before PostgreSQL has
paired, the claim expires and the password is valid again; if it dies afterwards, PostgreSQL remembers the redemption
and the password is spent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from redis.exceptions import RedisError

from app import ids
from app.conditions import Code
from app.errors import Unavailable

if TYPE_CHECKING:
    from redis import Redis

CLAIM_MS = 5000
"""Milliseconds until the claim of an unfinished redemption expires."""

# KEYS: of-integration, new password · ARGV: integration id, account id, ttl in ms, password key prefix, new digest
_PUT_SCRIPT = """
local old = redis.call('GET', KEYS[1])
if old then redis.call('DEL', ARGV[4] .. old) end
redis.call('HSET', KEYS[2], 'integration', ARGV[1], 'account', ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
redis.call('SET', KEYS[1], ARGV[5], 'PX', ARGV[3])
return 1
"""

# KEYS: one per digest · ARGV: claim id, claim ms · Returns {position, integration, account} or nothing
_CLAIM_SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for position, key in ipairs(KEYS) do
  local held = redis.call('HMGET', key, 'integration', 'account', 'until')
  if held[1] then
    if held[3] and tonumber(held[3]) > now then return {} end
    redis.call('HSET', key, 'claim', ARGV[1], 'until', string.format('%.0f', now + ARGV[2]))
    return {position, held[1], held[2]}
  end
end
return {}
"""

# KEYS: password · ARGV: claim id
_RELEASE_SCRIPT = """
if redis.call('HGET', KEYS[1], 'claim') == ARGV[1] then redis.call('HDEL', KEYS[1], 'claim', 'until') end
return 1
"""

# KEYS: password, of-integration · ARGV: digest. A newer password of the integration keeps its pointer.
_BURN_SCRIPT = """
redis.call('DEL', KEYS[1])
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
return 1
"""

_PASSWORD = "otp:"  # noqa: S105 - a key prefix
_OF = "otp-of:"


@dataclass(frozen=True)
class Claim:
    """The hold of one redemption on a password, for a few seconds."""

    id: str
    digest: str
    integration_id: UUID
    account_id: UUID


class OtpStore:
    """Stores, claims, releases and burns passwords. Every failure of Redis is Unavailable."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._put_script = redis.register_script(_PUT_SCRIPT)
        self._claim_script = redis.register_script(_CLAIM_SCRIPT)
        self._release_script = redis.register_script(_RELEASE_SCRIPT)
        self._burn_script = redis.register_script(_BURN_SCRIPT)

    def put(self, digest: str, *, integration_id: UUID, account_id: UUID, ttl_seconds: int) -> None:
        """Store a password, and revoke the integration's previous one in the same step."""
        try:
            self._put_script(
                keys=[f"{_OF}{integration_id}", f"{_PASSWORD}{digest}"],
                args=[str(integration_id), str(account_id), ttl_seconds * 1000, _PASSWORD, digest],
            )
        except RedisError as error:
            raise Unavailable(Code.REDIS_AWAY) from error

    def claim(self, digests: tuple[str, ...]) -> Claim | None:
        """Claim the password of any of the digests; None where there is none or it is claimed already."""
        claim_id = str(ids.new())
        try:
            answer = self._claim_script(keys=[f"{_PASSWORD}{digest}" for digest in digests], args=[claim_id, CLAIM_MS])
        except RedisError as error:
            raise Unavailable(Code.REDIS_AWAY) from error
        if not answer:
            return None
        position, integration_id, account_id = answer
        return Claim(claim_id, digests[int(position) - 1], UUID(_text(integration_id)), UUID(_text(account_id)))

    def release(self, claim: Claim) -> None:
        """Make the password valid again at once. If Redis is away, the claim expires by itself."""
        try:
            self._release_script(keys=[f"{_PASSWORD}{claim.digest}"], args=[claim.id])
        except RedisError as error:
            raise Unavailable(Code.REDIS_AWAY) from error

    def burn(self, claim: Claim) -> None:
        """Delete a spent password. PostgreSQL has recorded the redemption, so a failure here does no harm."""
        try:
            self._burn_script(keys=[f"{_PASSWORD}{claim.digest}", f"{_OF}{claim.integration_id}"], args=[claim.digest])
        except RedisError as error:
            raise Unavailable(Code.REDIS_AWAY) from error

    def good_for(self, integration_id: UUID) -> int:
        """Remaining validity of an integration's password in whole seconds; 0 where there is none."""
        try:
            remaining_ms = self._redis.pttl(f"{_OF}{integration_id}")
        except RedisError as error:
            raise Unavailable(Code.REDIS_AWAY) from error
        return max(0, int(remaining_ms) // 1000)

    def revoke(self, integration_id: UUID) -> None:
        """Revoke an integration's password, for instance when the integration is deleted."""
        try:
            digest = self._redis.getdel(f"{_OF}{integration_id}")
            if digest:
                self._redis.delete(f"{_PASSWORD}{_text(digest)}")
        except RedisError as error:
            raise Unavailable(Code.REDIS_AWAY) from error


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
