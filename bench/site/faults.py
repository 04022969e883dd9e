"""Faults on purpose: refusals in every documented form, silence, and damaged answers."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

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
"""Faults of search pages, and of search pages after the first."""
_GRACE = 1.0
"""Tolerance for requests that were admitted or in flight while the refusal was written and read."""
_TICK = 0.02
"""Precision of the kernel's arrival time."""
_BURST, _SITE_QUOTA, _APP_QUOTA = "jira-burst-based", "jira-quota-tenant-based", "jira-quota-global-based"
_POLICY = f'"{_BURST}";q=100;w=1'


@dataclass(frozen=True)
class Form:
    """One form of a 429: its reason (none from the gateway) and the headers with the waiting time."""

    name: str
    reason: str | None
    limit: int = 100
    time_headers: tuple[str, ...] = ("seconds",)

    @property
    def is_of_endpoint(self) -> bool:
        """Whether the refusal applies to one endpoint; all others apply to the site."""
        return self.reason == _BURST

    def headers(self, now: float, wait: int) -> tuple[dict[str, str], float]:
        """Return the headers at `now`, and the end of the waiting time; `now` itself without a time header."""
        headers = {"X-RateLimit-Limit": str(self.limit), "X-RateLimit-NearLimit": "true", "X-RateLimit-Remaining": "0"}
        if self.reason:
            headers["RateLimit-Reason"] = self.reason
        else:
            headers["X-Failure-Category"] = "FAILURE_CLIENT_RATE_LIMIT"
        deadlines = [_TIME_HEADERS[form](headers, now, wait) for form in self.time_headers]
        return headers, min(deadlines, default=now)


def _seconds(headers: dict[str, str], now: float, wait: int) -> float:
    headers["Retry-After"] = str(wait)
    return now + wait


def _too_many_seconds(headers: dict[str, str], now: float, wait: int) -> float:
    return _seconds(headers, now, 2 * wait)


def _date(headers: dict[str, str], now: float, wait: int) -> float:
    until = math.ceil(now) + wait
    headers["Retry-After"] = formatdate(until, usegmt=True)
    return until


def _reset(headers: dict[str, str], now: float, wait: int) -> float:
    until = math.ceil(now) + wait
    headers["X-RateLimit-Reset"] = f"{datetime.fromtimestamp(until, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return until


def _minute(headers: dict[str, str], now: float, wait: int) -> float:
    until = math.ceil((now + wait) / 60) * 60
    headers["X-RateLimit-Reset"] = f"{datetime.fromtimestamp(until, UTC):%Y-%m-%dT%H:%MZ}"
    return until


def _list(headers: dict[str, str], now: float, wait: int) -> float:
    headers |= {"RateLimit-Policy": _POLICY, "RateLimit": f'"{_BURST}";r=0;t={wait}'}
    return now + wait


def _beta(headers: dict[str, str], now: float, wait: int) -> float:
    headers |= {"Beta-RateLimit-Policy": _POLICY, "Beta-RateLimit": f'"{_BURST}";t={wait};r=0'}
    return now + wait


_TIME_HEADERS: dict[str, Callable[[dict[str, str], float, int], float]] = {
    "seconds": _seconds,
    "too many seconds": _too_many_seconds,
    "date": _date,
    "reset": _reset,
    "minute": _minute,
    "list": _list,
    "beta": _beta,
}
FORMS = (
    Form("burst", _BURST, time_headers=("seconds", "reset")),
    Form("burst, a date", _BURST, time_headers=("date",)),
    Form("burst, reset alone, to the minute", _BURST, time_headers=("minute",)),
    Form("burst, the list alone", _BURST, time_headers=("list",)),
    Form("burst, the beta list alone", _BURST, time_headers=("beta",)),
    Form("cost", "jira-cost-based", 150_000),
    Form("threads", "jira-max-concurrent-threads-across-all-instances-per-tenant-per-user"),
    Form("site quota", _SITE_QUOTA, 100_000, ("seconds", "reset")),
    Form("site quota, reset before Retry-After", _SITE_QUOTA, 100_000, ("too many seconds", "reset")),
    Form("app quota", _APP_QUOTA, 65_000, ("seconds", "reset")),
    Form("gateway", None, 360_000, ()),
)
"""Forms that reads meet; `jira-per-issue-on-write` is for writes. A quota without a time means the full hour."""
_BY_NAME = {form.name: form for form in FORMS}


@dataclass(frozen=True)
class Refusal:
    """An answer instead of the real one."""

    status: int
    headers: dict[str, str]
    body: bytes
    kind: str


@dataclass
class Faults:
    """Rates by kind, from 0 to 1 per request, and a limit per second."""

    rates: dict[str, float] = field(default_factory=dict)
    burst: int | None = None
    """Requests per second and endpoint."""
    retry_after: int = 1
    hang_seconds: float = 30.0
    forms: tuple[str, ...] = tuple(form.name for form in FORMS)
    """Names of the forms of 429, used in turn."""
    seed: int = 1
    counters: Counters | None = None
    _turn: int = 0
    _blocks: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """Time of each refusal and end of its waiting time, by endpoint; `*` is the site."""
    _recent: dict[str, deque[float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._chance = Random(self.seed)  # noqa: S311 - reproducible, not secret
        unknown_kinds = set(self.rates) - set(KINDS)
        if unknown_kinds:
            message = f"unknown faults: {', '.join(sorted(unknown_kinds))}; known: {', '.join(KINDS)}"
            raise ValueError(message)

    def draw(self, method: str, template: str, target: str, *, latency: float, arrival: float) -> str | Refusal | None:
        """Return None, a refusal, or the kind of damage to the answer."""
        with self._lock:
            now, endpoint = time.monotonic(), f"{method} {template}"
            self._watch(endpoint, arrival, latency)
            if self.burst is not None and not self._has_room(endpoint, now):
                return self._refuse(FORMS[0], endpoint, now)
            if self.rates and self._chance.random() < sum(self.rates.values()):
                possible = {kind: rate for kind, rate in self.rates.items() if _may_happen(kind, template, target)}
                if possible:
                    # Impossible kinds leave their share to the possible ones.
                    return self._happen(*self._chance.choices(list(possible), list(possible.values())), endpoint, now)
        return None

    def _happen(self, kind: str, endpoint: str, now: float) -> str | Refusal:
        if self.counters:
            self.counters.faults[kind] += 1
        if kind == "busy":
            form = _BY_NAME[self.forms[self._turn % len(self.forms)]]
            self._turn += 1
            if self.counters:
                self.counters.faults[f"busy: {form.name}"] += 1
            return self._refuse(form, endpoint, now)
        if kind == "unavailable":
            self._block("*", now, self.retry_after)
            return Refusal(503, {"Retry-After": str(self.retry_after)}, b'{"errorMessages":["Unavailable."]}', kind)
        if kind == "down":
            return Refusal(502, {"Content-Type": "text/html"}, b"<html><body>Bad gateway</body></html>", kind)
        if kind == "html":
            return Refusal(200, {"Content-Type": "text/html"}, b"<html><body>Log in</body></html>", kind)
        if kind == "expired":
            message = b'{"errorMessages":["The provided nextPageToken is invalid or has expired."],"errors":{}}'
            return Refusal(400, {}, message, kind)
        return kind

    def _refuse(self, form: Form, endpoint: str, now: float) -> Refusal:
        wall = time.time()
        headers, until = form.headers(wall, self.retry_after)
        self._block(endpoint if form.is_of_endpoint else "*", now, until - wall)
        return Refusal(429, headers, b'{"errorMessages":["Rate limit exceeded."],"errors":{}}', "busy")

    def _block(self, scope: str, now: float, wait: float) -> None:
        """Record a refusal; requests of this scope during the wait are early."""
        blocks = self._blocks.setdefault(scope, [])
        blocks[:] = [block for block in blocks if block[1] > now]
        if wait > 0:
            blocks.append((now, now + wait))

    def _watch(self, endpoint: str, arrival: float, latency: float) -> None:
        """Record a request before the end of a wait, by the time of its arrival and not of its processing."""
        blocks = (*self._blocks.get(endpoint, ()), *self._blocks.get("*", ()))
        early = [(since, until) for since, until in blocks if since + latency + _GRACE < arrival < until - _TICK]
        if self.counters and early:
            since, until = early[0]
            self.counters.early.append(f"{endpoint} {arrival - since:.3f} s after it was told {until - since:.3f} s")

    def _has_room(self, endpoint: str, now: float) -> bool:
        recent = self._recent.setdefault(endpoint, deque())
        while recent and recent[0] <= now - 1:
            recent.popleft()
        if len(recent) >= (self.burst or 0):
            return False
        recent.append(now)
        return True

    def as_json(self) -> dict[str, Any]:
        """Return the answer of `/bench/options`."""
        return {
            name: getattr(self, name) for name in ("rates", "burst", "retry_after", "hang_seconds", "forms", "seed")
        }


def _may_happen(kind: str, template: str, target: str) -> bool:
    if kind in _OF_LATER_PAGES:
        return template == "search/jql" and "nextPageToken=" in target
    return kind not in _OF_PAGES or template == "search/jql"
