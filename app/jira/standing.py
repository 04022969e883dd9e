"""The limiter's state of a site, for people and for metrics. `limit_scripts` writes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from app.conditions import Code
from app.errors import Unavailable

if TYPE_CHECKING:
    from redis import Redis

APP = "jira:app"
LEDGER = "jira:points:"
_HOUR = 3600


def site_of(site: str) -> str:
    """The key of a site's state."""
    return f"jira:site:{site}"


def leases_of(site: str) -> str:
    """The key of a site's requests in flight."""
    return f"jira:leases:{site}"


@dataclass(frozen=True)
class Accounts:
    """Reads the books. Every failure of Redis is Unavailable."""

    redis: Redis
    offset_ms: int = 0

    def spent(self, site: str, hour: datetime, *, book: str = "site") -> int:
        """Points used by a site in the UTC hour of a moment, or `repair` ones alone; stored for two days."""
        return int(self._ask("hget", f"{LEDGER}{int(hour.timestamp()) // _HOUR}", f"{book} {site}") or 0)

    def spent_by_app(self, hour: datetime) -> dict[str, int]:
        """Points used by the app in an hour: `total` (of its own pool), and by purpose."""
        entries = self._ask("hgetall", f"{LEDGER}{int(hour.timestamp()) // _HOUR}")
        books = {_text(name): int(value) for name, value in entries.items()}
        purposes = {
            name.removeprefix("purpose "): value for name, value in books.items() if name.startswith("purpose ")
        }
        return {"total": books.get("total", 0)} | purposes

    def traffic(self, hour: datetime) -> dict[str, int]:
        """Answers of all sites in an hour: `requests`, and refusals (429, 503 with a time) by `app`, `site`, `endpoint`."""
        entries = self._ask("hgetall", f"{LEDGER}{int(hour.timestamp()) // _HOUR}")
        books = {_text(name): int(value) for name, value in entries.items()}
        refusals = {
            name.removeprefix("refused "): value for name, value in books.items() if name.startswith("refused ")
        }
        return {"requests": books.get("requests", 0)} | refusals

    def standing(self, site: str) -> dict[str, Any]:
        """A site's present state, ready for JSON: this hour's points, quotas, pauses, paces, requests in flight."""
        seconds, micros = self._ask("time")
        now_ms = seconds * 1000 + micros // 1000 + self.offset_ms
        hour = datetime.fromtimestamp(now_ms / 1000, UTC)
        site_entries, app_entries = self._hash(site_of(site)), self._hash(APP)
        return {
            "points_this_hour": self.spent(site, hour),
            "repair_points_this_hour": self.spent(site, hour, book="repair"),
            "app_points_this_hour": self.spent_by_app(hour)["total"],
            "app_quota": _whole(app_entries.get("quota")),
            "site_quota": _whole(site_entries.get("quota")),
            "app_blocked_until": _until(app_entries.get("blocked_until"), now_ms),
            "blocked_until": _until(site_entries.get("blocked_until"), now_ms),
            "why": site_entries.get("why") if _until(site_entries.get("blocked_until"), now_ms) else None,
            "in_flight": int(self._ask("zcount", leases_of(site), f"({now_ms}", "+inf")),
            "endpoints": {
                name.removesuffix(" rate"): {
                    "rate": float(value),
                    "blocked_until": _until(site_entries.get(f"{name.removesuffix(' rate')} blocked_until"), now_ms),
                }
                for name, value in sorted(site_entries.items())
                if name.endswith(" rate")
            },
        }

    def _hash(self, key: str) -> dict[str, str]:
        return {_text(name): _text(value) for name, value in self._ask("hgetall", key).items()}

    def _ask(self, command: str, *args: object) -> Any:  # noqa: ANN401 - Redis's answer
        try:
            return getattr(self.redis, command)(*args)
        except RedisError as error:
            raise Unavailable(Code.REDIS_AWAY) from error


def _until(value: str | None, now_ms: int) -> str | None:
    """The end of a pause in RFC 3339; None if it is over."""
    if value is None or int(value) <= now_ms:
        return None
    return datetime.fromtimestamp(int(value) / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _whole(value: str | None) -> int | None:
    return int(value) if value is not None else None


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
