"""Jira's rate limits: bursts per path, requests in flight, points per hour. All are off by default."""

from __future__ import annotations

import math
import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sandbox.shapes import JiraError

if TYPE_CHECKING:
    from sandbox.gate.traffic import Traffic
    from sandbox.options import Options

BURST = "jira-burst-based"
QUOTA = "jira-quota-global-based"
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
    _used_points: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admit(self, template: str, in_flight: int, now: float) -> dict[str, str]:
        """Return the headers of an admitted request. Raises JiraError 429."""
        options = self.options
        if options.max_concurrency is not None and in_flight > options.max_concurrency:
            raise self._refusal(THREADS, template, 1, options.max_concurrency, now)
        headers = self._quota(now)
        burst = options.burst_overrides.get(template, options.burst_per_second)
        if burst is not None:
            headers |= self._burst(template, burst, now)
        return headers

    def spend(self, points: int, now: float) -> None:
        """Charge the points of an answered request to the current hour."""
        with self._lock:
            self._roll(now)
            self._used_points += points

    def _roll(self, now: float) -> None:
        hour = int(now // _HOUR)
        if hour != self._hour:
            self._hour, self._used_points = hour, 0

    def _quota(self, now: float) -> dict[str, str]:
        quota = self.options.points_per_hour
        if quota is None:
            return {}
        with self._lock:
            self._roll(now)
            remaining_points = quota - self._used_points
        until_reset = math.ceil((self._hour + 1) * _HOUR - now)
        if remaining_points <= 0:
            seconds = self.options.retry_after_s if self.options.retry_after_s is not None else until_reset
            raise self._refusal(QUOTA, "*", seconds, quota, now)
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
        near = "true" if remaining_requests - 1 < burst * _NEAR else "false"
        return {
            "X-RateLimit-Limit": str(burst),
            "X-RateLimit-Remaining": str(remaining_requests - 1),
            "X-RateLimit-NearLimit": near,
        }

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
