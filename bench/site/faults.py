"""What may go wrong on purpose: refusals in every documented form, silence, and answers that are not what they should be."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.site.counters import Counters

KINDS = {
    "busy": "429, each documented form in turn",
    "unavailable": "503 with Retry-After",
    "down": "502 as a page of HTML",
    "html": "200 as a page of HTML",
    "hang": "no answer, then the connection ends",
    "cut": "an answer that ends in the middle of its JSON",
    "drop": "an answer that ends before its Content-Length",
    "repeat": "a page that names its own token as the next",
    "early_end": "a page that says it is the last",
    "expired": "400: the page token is no longer good",
    "empty": "an empty page with a token",
}
_OF_PAGES = frozenset({"early_end", "empty"})
_OF_LATER_PAGES = frozenset({"repeat", "expired"})
"""Faults of search pages alone, and of those that were asked for by a token."""
_BURST, _QUOTA = "jira-burst-based", "jira-quota-global-based"
_FORMS: tuple[tuple[str | None, bool], ...] = (
    (_BURST, True),
    ("jira-cost-based", True),
    ("jira-max-concurrent-threads-across-all-instances-per-tenant-per-user", True),
    (_QUOTA, True),
    ("jira-quota-tenant-based", True),
    (None, False),
)
"""Reasons and whether Retry-After comes with them; the last one is the gateway's, which says nothing."""
_GRACE = 0.25
"""Seconds in which a request may have been under way when the refusal was written."""


@dataclass(frozen=True)
class Refusal:
    """An answer in place of the real one."""

    status: int
    headers: dict[str, str]
    body: bytes
    kind: str


@dataclass
class Faults:
    """Rates by kind, 0 to 1 a request; limits by second."""

    rates: dict[str, float] = field(default_factory=dict)
    burst: int | None = None
    """Requests a second and endpoint."""
    retry_after: int = 1
    hang_seconds: float = 30.0
    seed: int = 1
    counters: Counters | None = None
    _turn: int = 0
    _blocked: dict[str, tuple[float, float]] = field(default_factory=dict)
    _recent: dict[str, deque[float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._chance = Random(self.seed)  # noqa: S311 - reproducible, not secret
        unknown = set(self.rates) - set(KINDS)
        if unknown:
            message = f"unknown faults: {', '.join(sorted(unknown))}; known: {', '.join(KINDS)}"
            raise ValueError(message)

    def draw(self, template: str, target: str, *, latency: float) -> str | Refusal | None:
        """What happens to this request: nothing, a refusal, or the name of what becomes of its answer."""
        with self._lock:
            now = time.monotonic()
            self._watch(template, now, latency)
            if self.burst is not None and not self._has_room(template, now):
                return self._refuse(template, now, _BURST, says_when=True)
            lot = self._chance.random() if self.rates else 1.0
            for kind, rate in self.rates.items():
                lot -= rate
                if lot < 0:
                    return self._happen(kind, template, now) if _may_happen(kind, template, target) else None
        return None

    def _happen(self, kind: str, template: str, now: float) -> str | Refusal:
        if self.counters:
            self.counters.faults[kind] += 1
        if kind == "busy":
            reason, says_when = _FORMS[self._turn % len(_FORMS)]
            self._turn += 1
            return self._refuse(template, now, reason, says_when=says_when)
        if kind == "unavailable":
            self._block("*", now)
            return Refusal(503, {"Retry-After": str(self.retry_after)}, b'{"errorMessages":["Unavailable."]}', kind)
        if kind == "down":
            return Refusal(502, {"Content-Type": "text/html"}, b"<html><body>Bad gateway</body></html>", kind)
        if kind == "html":
            return Refusal(200, {"Content-Type": "text/html"}, b"<html><body>Log in</body></html>", kind)
        if kind == "expired":
            message = b'{"errorMessages":["The provided nextPageToken is invalid or has expired."],"errors":{}}'
            return Refusal(400, {}, message, kind)
        return kind

    def _refuse(self, template: str, now: float, reason: str | None, *, says_when: bool) -> Refusal:
        headers = {"X-RateLimit-NearLimit": "true", "X-RateLimit-Remaining": "0"}
        if reason is None:
            headers |= {"X-Failure-Category": "FAILURE_CLIENT_RATE_LIMIT", "X-RateLimit-Limit": "360000"}
        else:
            headers |= {"RateLimit-Reason": reason, "X-RateLimit-Limit": "100"}
        if says_when:
            reset = datetime.fromtimestamp(time.time() + self.retry_after, UTC)
            headers |= {"Retry-After": str(self.retry_after), "X-RateLimit-Reset": f"{reset:%Y-%m-%dT%H:%M:%SZ}"}
            self._block(template if reason == _BURST else "*", now)
        return Refusal(429, headers, b'{"errorMessages":["Rate limit exceeded."],"errors":{}}', "busy")

    def _block(self, scope: str, now: float) -> None:
        told, until = self._blocked.get(scope, (0.0, 0.0))
        self._blocked[scope] = (told if now < until else now, max(now + self.retry_after, until))

    def _watch(self, template: str, now: float, latency: float) -> None:
        """Whoever comes before the time he was told has not listened."""
        for scope in (template, "*"):
            told, until = self._blocked.get(scope, (0.0, 0.0))
            if told + latency + _GRACE < now < until and self.counters:
                self.counters.early += 1
                return

    def _has_room(self, template: str, now: float) -> bool:
        recent = self._recent.setdefault(template, deque())
        while recent and recent[0] <= now - 1:
            recent.popleft()
        if len(recent) >= (self.burst or 0):
            return False
        recent.append(now)
        return True

    def shown(self) -> dict[str, Any]:
        """As `/bench/options` answers."""
        return {name: getattr(self, name) for name in ("rates", "burst", "retry_after", "hang_seconds", "seed")}


def _may_happen(kind: str, template: str, target: str) -> bool:
    if kind in _OF_LATER_PAGES:
        return template == "search/jql" and "nextPageToken=" in target
    return kind not in _OF_PAGES or template == "search/jql"
