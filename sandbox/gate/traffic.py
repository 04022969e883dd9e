"""Counters of REST requests; tests prove with them that a client respects the limits."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.shapes import JsonObject

GRACE_S = 0.25
"""Tolerance for requests that were in flight while the 429 was written."""


@dataclass(slots=True)
class _Block:
    since: float
    until: float


@dataclass(slots=True)
class Traffic:
    """The counters of one site. All methods are safe to call from any thread."""

    requests: int = 0
    points: int = 0
    in_flight: int = 0
    max_concurrency: int = 0
    early_retries: int = 0
    long_lived_tokens: int = 0
    by_template: Counter[str] = field(default_factory=Counter)
    points_by_template: Counter[str] = field(default_factory=Counter)
    by_status: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)  # by RateLimit-Reason
    faults: Counter[str] = field(default_factory=Counter)
    log: list[tuple[float, str, str, int]] = field(default_factory=list)  # (epoch s, method, raw target, status)
    _blocks: dict[str, _Block] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def enter(self, template: str, now: float) -> int:
        """Count a request and return the number in flight."""
        with self._lock:
            self.requests += 1
            self.by_template[template] += 1
            self.in_flight += 1
            self.max_concurrency = max(self.max_concurrency, self.in_flight)
            self.early_retries += any(self._is_blocked(scope, now) for scope in (template, "*"))
            return self.in_flight

    def _is_blocked(self, scope: str, now: float) -> bool:
        block = self._blocks.get(scope)
        return block is not None and block.since + GRACE_S < now < block.until

    def note_holder(self, scope: str, now: float) -> None:
        """Count a request of a token's holder that must still wait."""
        with self._lock:
            self.early_retries += self._is_blocked(scope, now)

    def leave(self, template: str, target: str, status: int, points: int, now: float) -> None:
        """Count an answered request."""
        with self._lock:
            self.in_flight -= 1
            self.points += points
            self.points_by_template[template] += points
            self.by_status[str(status)] += 1
            self.log.append((now, template.split(" ", maxsplit=1)[0], target, status))
            del self.log[:-10_000]

    def block(self, scope: str, now: float, seconds: float) -> None:
        """Record that `scope` (a template, a token's holder, or `*` for all) must wait for `seconds`."""
        with self._lock:
            self._blocks[scope] = _Block(now, now + seconds)

    def note_refusal(self, reason: str) -> None:
        """Count a 429 by its reason."""
        with self._lock:
            self.refusals[reason] += 1

    def note_fault(self, kind: str) -> None:
        """Count an injected fault."""
        with self._lock:
            self.faults[kind] += 1

    def note_long_lived_token(self) -> None:
        """Count a token with a longer life than the 180 seconds of Atlassian's specification."""
        with self._lock:
            self.long_lived_tokens += 1

    def reset(self) -> None:
        """Reset all counters except the requests in flight."""
        with self._lock:
            self.requests = self.points = self.early_retries = self.long_lived_tokens = 0
            self.max_concurrency = self.in_flight
            for counter in (self.by_template, self.points_by_template, self.by_status, self.refusals, self.faults):
                counter.clear()
            self.log.clear()
            self._blocks.clear()

    def as_json(self) -> JsonObject:
        """Return the counters as the control API shows them."""
        with self._lock:
            return {
                "requests": self.requests,
                "points": self.points,
                "in_flight": self.in_flight,
                "max_concurrency": self.max_concurrency,
                "early_retries": self.early_retries,
                "long_lived_tokens": self.long_lived_tokens,
                "by_template": dict(self.by_template),
                "points_by_template": dict(self.points_by_template),
                "by_status": dict(self.by_status),
                "limited": dict(self.refusals),
                "faults": dict(self.faults),
            }
