"""Where minted passwords lie in Redis: only their keyed hash, for as long as they are good.

Taking one is a claim for a few seconds, not a removal: if the taker dies before PostgreSQL has paired, the claim runs
out and the password is good again; if it dies after, PostgreSQL remembers the redemption and the password is spent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from redis.exceptions import RedisError

from app import ids
from app.errors import Unavailable

if TYPE_CHECKING:
    from redis import Redis

CLAIM_MS = 5000
"""How long a redemption may take before the password is free again."""

# KEYS: of-integration, new password · ARGV: integration id, account id, ttl in ms, password key prefix, new digest
_PUT = """
local old = redis.call('GET', KEYS[1])
if old then redis.call('DEL', ARGV[4] .. old) end
redis.call('HSET', KEYS[2], 'integration', ARGV[1], 'account', ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
redis.call('SET', KEYS[1], ARGV[5], 'PX', ARGV[3])
return 1
"""

# KEYS: one per digest · ARGV: claim id, claim ms · Returns {position, integration, account} or nothing
_CLAIM = """
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
_RELEASE = """
if redis.call('HGET', KEYS[1], 'claim') == ARGV[1] then redis.call('HDEL', KEYS[1], 'claim', 'until') end
return 1
"""

# KEYS: password, of-integration · ARGV: digest. A newer password of the integration keeps its pointer.
_BURN = """
redis.call('DEL', KEYS[1])
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
return 1
"""

_PASSWORD = "otp:"  # noqa: S105 - a key prefix
_OF = "otp-of:"


@dataclass(frozen=True)
class Claim:
    """A password held for a few seconds by one redemption."""

    id: str
    digest: str
    integration_id: UUID
    account_id: UUID


class OtpStore:
    """Puts, claims, releases and burns passwords. Every failure of Redis is Unavailable."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._put = redis.register_script(_PUT)
        self._claim = redis.register_script(_CLAIM)
        self._release = redis.register_script(_RELEASE)
        self._burn = redis.register_script(_BURN)

    def put(self, digest: str, *, integration_id: UUID, account_id: UUID, ttl_seconds: int) -> None:
        """Lay a password in; the integration's previous one is revoked in the same step."""
        try:
            self._put(
                keys=[f"{_OF}{integration_id}", f"{_PASSWORD}{digest}"],
                args=[str(integration_id), str(account_id), ttl_seconds * 1000, _PASSWORD, digest],
            )
        except RedisError as error:
            raise Unavailable("Redis does not answer.") from error

    def claim(self, digests: tuple[str, ...]) -> Claim | None:
        """Hold the password of any of the digests; None where there is none or somebody holds it."""
        claim_id = str(ids.new())
        try:
            found = self._claim(keys=[f"{_PASSWORD}{digest}" for digest in digests], args=[claim_id, CLAIM_MS])
        except RedisError as error:
            raise Unavailable("Redis does not answer.") from error
        if not found:
            return None
        position, integration_id, account_id = found
        return Claim(claim_id, digests[int(position) - 1], UUID(_text(integration_id)), UUID(_text(account_id)))

    def release(self, claim: Claim) -> None:
        """Make the password good again at once; if Redis is away, the claim runs out by itself."""
        try:
            self._release(keys=[f"{_PASSWORD}{claim.digest}"], args=[claim.id])
        except RedisError as error:
            raise Unavailable("Redis does not answer.") from error

    def burn(self, claim: Claim) -> None:
        """The password is spent; PostgreSQL knows it already, so a failure here is no harm."""
        try:
            self._burn(keys=[f"{_PASSWORD}{claim.digest}", f"{_OF}{claim.integration_id}"], args=[claim.digest])
        except RedisError as error:
            raise Unavailable("Redis does not answer.") from error

    def good_for(self, integration_id: UUID) -> int:
        """Whole seconds for which an integration's password is still good; 0 where there is none."""
        try:
            left = self._redis.pttl(f"{_OF}{integration_id}")
        except RedisError as error:
            raise Unavailable("Redis does not answer.") from error
        return max(0, int(left) // 1000)

    def revoke(self, integration_id: UUID) -> None:
        """Make an integration's password worthless, as when the integration is deleted."""
        try:
            digest = self._redis.getdel(f"{_OF}{integration_id}")
            if digest:
                self._redis.delete(f"{_PASSWORD}{_text(digest)}")
        except RedisError as error:
            raise Unavailable("Redis does not answer.") from error


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
