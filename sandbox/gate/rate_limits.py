"""Jira's rate limits: bursts per path, requests in flight, points per hour. All are off by default.

Bursts concern every request. The hourly quota of points is the app's; tokens are exempt from it, but have a limit of
cost units of their own, which Atlassian doesn't document and answers name `jira-cost-based`.
"""

from __future__ import annotations

import math
import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sandbox.shapes import JiraError

if TYPE_CHECKING:
    from sandbox.gate.traffic import Traffic
    from sandbox.options import Options

BURST = "jira-burst-based"
QUOTA = "jira-quota-global-based"
COST = "jira-cost-based"
THREADS = "jira-max-concurrent-threads-across-all-instances-per-tenant-per-user"
_NEAR = 0.2
_QUOTA_HEADER_FROM = 0.8
_HOUR = 3600


@dataclass(slots=True)
class Limiter:
    """Admits or refuses each request and sets the rate limit headers."""

    options: Options
    traffic: Traffic
    _recent: dict[str, deque[float]] = field(default_factory=dict)
    _hour: int = 0
    _used_points: Counter[str | None] = field(default_factory=Counter)  # by holder of a token; None is the app
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admit(self, template: str, in_flight: int, now: float) -> dict[str, str]:
        """Return the headers of a request within bursts and concurrency. Raises JiraError 429."""
        options = self.options
        if options.max_concurrency is not None and in_flight > options.max_concurrency:
            raise self._refusal(THREADS, template, 1, options.max_concurrency, now)
        burst = options.burst_overrides.get(template, options.burst_per_second)
        return {} if burst is None else self._burst(template, burst, now)

    def spend(self, holder: str | None, points: int, now: float) -> None:
        """Charge the points of an answered request to the current hour of the app or of a token's holder."""
        with self._lock:
            self._roll(now)
            self._used_points[holder] += points

    def _roll(self, now: float) -> None:
        hour = int(now // _HOUR)
        if hour != self._hour:
            self._hour = hour
            self._used_points.clear()

    def _remaining(self, holder: str | None, quota: int, now: float) -> tuple[int, int]:
        """The points that are left, and the seconds until all are back."""
        with self._lock:
            self._roll(now)
            remaining_points = quota - self._used_points[holder]
        return remaining_points, math.ceil((self._hour + 1) * _HOUR - now)

    def admit_token(self, holder: str, now: float) -> dict[str, str]:
        """Return the headers of a request within the holder's own limit. Raises JiraError 429."""
        limit = self.options.token_units_per_hour
        if limit is None:
            return {}
        self.traffic.note_holder(holder, now)
        remaining_units, until_reset = self._remaining(holder, limit, now)
        if remaining_units <= 0:
            raise self._refusal(COST, holder, self._wait(until_reset), limit, now)
        return _x_headers(limit, remaining_units)

    def _wait(self, until_reset: int) -> int:
        return self.options.retry_after_s if self.options.retry_after_s is not None else until_reset

    def admit_app(self, now: float) -> dict[str, str]:
        """Return the headers of a request within the app's quota. Raises JiraError 429."""
        quota = self.options.points_per_hour
        if quota is None:
            return {}
        remaining_points, until_reset = self._remaining(None, quota, now)
        if remaining_points <= 0:
            raise self._refusal(QUOTA, "*", self._wait(until_reset), quota, now)
        headers = {"RateLimit-Policy": f'"global-app-quota";q={quota};w={_HOUR}'}
        if remaining_points <= quota * (1 - _QUOTA_HEADER_FROM):
            headers["RateLimit"] = f'"global-app-quota";r={remaining_points};t={until_reset}'
        return headers

    def _burst(self, template: str, burst: int, now: float) -> dict[str, str]:
        with self._lock:
            recent = self._recent.setdefault(template, deque())
            while recent and recent[0] <= now - 1:
                recent.popleft()
            remaining_requests = burst - len(recent)
            if remaining_requests > 0:
                recent.append(now)
        if remaining_requests <= 0:
            raise self._refusal(BURST, template, 1, burst, now)
        return _x_headers(burst, remaining_requests - 1)

    def _refusal(self, reason: str, scope: str, seconds: int, limit: int, now: float) -> JiraError:
        self.traffic.block(scope, now, seconds)
        self.traffic.note_refusal(reason)
        reset = datetime.fromtimestamp(math.ceil(now + seconds), UTC)
        headers = {
            "Retry-After": str(seconds),
            "RateLimit-Reason": reason,
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-NearLimit": "true",
            "X-RateLimit-Reset": f"{reset:%Y-%m-%dT%H:%M:%SZ}",
        }
        return JiraError(429, "Rate limit exceeded.", headers=headers)


def _x_headers(limit: int, remaining: int) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-NearLimit": "true" if remaining < limit * _NEAR else "false",
    }
