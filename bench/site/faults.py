"""What may go wrong on purpose: refusals in every documented form, silence, and answers that are not what they should be."""

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
"""Faults of search pages alone, and of those that were asked for by a token."""
_GRACE = 1.0
"""Seconds in which a request may have been under way, or admitted, when the refusal was written and read."""
_TICK = 0.02
"""Seconds to which the kernel knows when a request came."""
_BURST, _SITE_QUOTA, _APP_QUOTA = "jira-burst-based", "jira-quota-tenant-based", "jira-quota-global-based"
_POLICY = f'"{_BURST}";q=100;w=1'


@dataclass(frozen=True)
class Form:
    """One way of saying 429: a reason, or none as the gateway has it, and how the time is named."""

    name: str
    reason: str | None
    limit: int = 100
    says: tuple[str, ...] = ("seconds",)

    @property
    def is_of_endpoint(self) -> bool:
        """Whether it is about one endpoint; all others are about the site."""
        return self.reason == _BURST

    def headers(self, now: float, wait: int) -> tuple[dict[str, str], float]:
        """What it says at a moment, and until when to stay away by that; the moment itself where it names no time."""
        given = {"X-RateLimit-Limit": str(self.limit), "X-RateLimit-NearLimit": "true", "X-RateLimit-Remaining": "0"}
        if self.reason:
            given["RateLimit-Reason"] = self.reason
        else:
            given["X-Failure-Category"] = "FAILURE_CLIENT_RATE_LIMIT"
        named = [_SAYING[each](given, now, wait) for each in self.says]
        return given, min(named, default=now)


def _seconds(given: dict[str, str], now: float, wait: int) -> float:
    given["Retry-After"] = str(wait)
    return now + wait


def _too_many_seconds(given: dict[str, str], now: float, wait: int) -> float:
    return _seconds(given, now, 2 * wait)


def _date(given: dict[str, str], now: float, wait: int) -> float:
    until = math.ceil(now) + wait
    given["Retry-After"] = formatdate(until, usegmt=True)
    return until


def _reset(given: dict[str, str], now: float, wait: int) -> float:
    until = math.ceil(now) + wait
    given["X-RateLimit-Reset"] = f"{datetime.fromtimestamp(until, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return until


def _minute(given: dict[str, str], now: float, wait: int) -> float:
    until = math.ceil((now + wait) / 60) * 60
    given["X-RateLimit-Reset"] = f"{datetime.fromtimestamp(until, UTC):%Y-%m-%dT%H:%MZ}"
    return until


def _list(given: dict[str, str], now: float, wait: int) -> float:
    given |= {"RateLimit-Policy": _POLICY, "RateLimit": f'"{_BURST}";r=0;t={wait}'}
    return now + wait


def _beta(given: dict[str, str], now: float, wait: int) -> float:
    given |= {"Beta-RateLimit-Policy": _POLICY, "Beta-RateLimit": f'"{_BURST}";t={wait};r=0'}
    return now + wait


_SAYING: dict[str, Callable[[dict[str, str], float, int], float]] = {
    "seconds": _seconds,
    "too many seconds": _too_many_seconds,
    "date": _date,
    "reset": _reset,
    "minute": _minute,
    "list": _list,
    "beta": _beta,
}
FORMS = (
    Form("burst", _BURST, says=("seconds", "reset")),
    Form("burst, a date", _BURST, says=("date",)),
    Form("burst, reset alone, to the minute", _BURST, says=("minute",)),
    Form("burst, the list alone", _BURST, says=("list",)),
    Form("burst, the beta list alone", _BURST, says=("beta",)),
    Form("cost", "jira-cost-based", 150_000),
    Form("threads", "jira-max-concurrent-threads-across-all-instances-per-tenant-per-user"),
    Form("site quota", _SITE_QUOTA, 100_000, ("seconds", "reset")),
    Form("site quota, reset before Retry-After", _SITE_QUOTA, 100_000, ("too many seconds", "reset")),
    Form("app quota", _APP_QUOTA, 65_000, ("seconds", "reset")),
    Form("gateway", None, 360_000, ()),
)
"""Reads meet these; `jira-per-issue-on-write` is about writes. A quota's refusal without a time means the full hour."""
_BY_NAME = {each.name: each for each in FORMS}


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
    forms: tuple[str, ...] = tuple(each.name for each in FORMS)
    """Names of the forms of 429 that come in turn."""
    seed: int = 1
    counters: Counters | None = None
    _turn: int = 0
    _blocked: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """When somebody was refused, and until when to stay away, by endpoint; `*` is the site."""
    _recent: dict[str, deque[float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._chance = Random(self.seed)  # noqa: S311 - reproducible, not secret
        unknown = set(self.rates) - set(KINDS)
        if unknown:
            message = f"unknown faults: {', '.join(sorted(unknown))}; known: {', '.join(KINDS)}"
            raise ValueError(message)

    def draw(self, method: str, template: str, target: str, *, latency: float, arrived: float) -> str | Refusal | None:
        """What happens to this request: nothing, a refusal, or the name of what becomes of its answer."""
        with self._lock:
            now, endpoint = time.monotonic(), f"{method} {template}"
            self._watch(endpoint, arrived, latency)
            if self.burst is not None and not self._has_room(endpoint, now):
                return self._refuse(FORMS[0], endpoint, now)
            if self.rates and self._chance.random() < sum(self.rates.values()):
                possible = {kind: rate for kind, rate in self.rates.items() if _may_happen(kind, template, target)}
                if possible:
                    # What cannot happen to this request leaves its share to what can.
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
        """Whoever comes in this scope before the wait is over has not listened; each refusal is watched by itself."""
        told = self._blocked.setdefault(scope, [])
        told[:] = [each for each in told if each[1] > now]
        if wait > 0:
            told.append((now, now + wait))

    def _watch(self, endpoint: str, arrived: float, latency: float) -> None:
        """Whoever comes before the time he was told has not listened; a request that lay here unread came before."""
        blocks = (*self._blocked.get(endpoint, ()), *self._blocked.get("*", ()))
        early = [(told, until) for told, until in blocks if told + latency + _GRACE < arrived < until - _TICK]
        if self.counters and early:
            told, until = early[0]
            self.counters.early.append(f"{endpoint} {arrived - told:.3f} s after it was told {until - told:.3f} s")

    def _has_room(self, endpoint: str, now: float) -> bool:
        recent = self._recent.setdefault(endpoint, deque())
        while recent and recent[0] <= now - 1:
            recent.popleft()
        if len(recent) >= (self.burst or 0):
            return False
        recent.append(now)
        return True

    def shown(self) -> dict[str, Any]:
        """As `/bench/options` answers."""
        return {
            name: getattr(self, name) for name in ("rates", "burst", "retry_after", "hang_seconds", "forms", "seed")
        }


def _may_happen(kind: str, template: str, target: str) -> bool:
    if kind in _OF_LATER_PAGES:
        return template == "search/jql" and "nextPageToken=" in target
    return kind not in _OF_PAGES or template == "search/jql"
