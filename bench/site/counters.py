"""What was asked of the site: requests and points by endpoint, the most in flight, bytes, and who came back too early."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.site.routes import Reply

_BAD_REQUEST = 400


@dataclass
class Counters:
    """Everything since the last reset."""

    requests: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    points: Counter[str] = field(default_factory=Counter)
    issues: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    last_at: dict[str, float] = field(default_factory=dict)
    targets: list[tuple[str, str]] = field(default_factory=list)
    sent_bytes: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    most_a_second: Counter[str] = field(default_factory=Counter)
    """By method and endpoint: the most that arrived within any second."""
    early: list[str] = field(default_factory=list)
    """Requests sent before their Retry-After, in words."""
    repeated: Counter[str] = field(default_factory=Counter)
    """By endpoint, points of what had been answered before: issues by their number, other requests as they were asked."""
    issues_sent: set[int] = field(default_factory=set)
    answered: set[tuple[str, str, bytes]] = field(default_factory=set)
    working_seconds: float = 0.0
    """Spent on putting answers together."""
    started: float = field(default_factory=time.monotonic)
    first_at: float | None = None
    _recent: dict[str, deque[float]] = field(default_factory=dict)
    _cpu: float = field(default_factory=time.process_time)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def arrive(self, endpoint: str) -> None:
        """A request is there."""
        now = time.monotonic()
        with self._lock:
            recent = self._recent.setdefault(endpoint, deque())
            recent.append(now)
            while recent[0] <= now - 1:
                recent.popleft()
            self.most_a_second[endpoint] = max(self.most_a_second[endpoint], len(recent))
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            if self.first_at is None:
                self.first_at = time.monotonic() - self.started

    def note(self, template: str, asked: tuple[str, str, bytes], reply: Reply) -> None:
        """It is answered in the head. `asked` is its method, target and body."""
        method, target, _ = asked
        with self._lock:
            self.repeated[template] += self._repeated(asked, reply)
            self.requests[template] += 1
            self.statuses[reply.status] += 1
            self.points[template] += reply.points
            self.issues[template] += reply.issues
            self.last_at[template] = time.monotonic() - self.started
            if method == "GET":
                self.targets.append((template, target))

    def _repeated(self, asked: tuple[str, str, bytes], reply: Reply) -> int:
        if reply.whole:
            again = sum(number in self.issues_sent for number in reply.whole)
            self.issues_sent.update(reply.whole)
            return again
        if reply.status >= _BAD_REQUEST:
            return 0
        again = reply.points if asked in self.answered else 0
        self.answered.add(asked)
        return again

    def leave(self, sent: int, working: float) -> None:
        """All of it is sent but the last byte."""
        with self._lock:
            self.in_flight -= 1
            self.sent_bytes += sent
            self.working_seconds += working

    def shown(self) -> dict[str, Any]:
        """As `/bench/counters` answers."""
        with self._lock:
            return {
                "requests": sum(self.requests.values()),
                "requests_by_template": dict(self.requests.most_common()),
                "statuses": dict(self.statuses),
                "points": sum(self.points.values()),
                "points_by_template": dict(self.points.most_common()),
                "issues_by_template": dict(self.issues.most_common()),
                "faults": dict(self.faults),
                "most_a_second": dict(self.most_a_second),
                "early": self.early,
                "repeated": self.repeated.total(),
                "repeated_by_template": dict(+self.repeated),
                "most_in_flight": self.most_in_flight,
                "bytes": self.sent_bytes,
                "working_seconds": self.working_seconds,
                "cpu_seconds": time.process_time() - self._cpu,
                "seconds": time.monotonic() - self.started,
                "first_at": self.first_at,
                "last_at": dict(self.last_at),
            }
