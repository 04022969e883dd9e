"""Counters of requests: by endpoint, in flight, bytes, points, duplicates and early retries."""

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
    """All counters since the last reset."""

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
    """Most requests within any second, by method and endpoint."""
    early: list[str] = field(default_factory=list)
    """Descriptions of requests before the end of their Retry-After."""
    duplicate_points: Counter[str] = field(default_factory=Counter)
    """Points of repeated answers by endpoint: issues by their number, other requests by their content."""
    sent_issue_numbers: set[int] = field(default_factory=set)
    answered_requests: set[tuple[str, str, bytes]] = field(default_factory=set)
    working_seconds: float = 0.0
    """CPU time for assembling answers."""
    start: float = field(default_factory=time.monotonic)
    first_at: float | None = None
    _recent: dict[str, deque[float]] = field(default_factory=dict)
    _cpu: float = field(default_factory=time.process_time)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def arrive(self, endpoint: str) -> None:
        """Count a request at its arrival."""
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
                self.first_at = time.monotonic() - self.start

    def note(self, template: str, request: tuple[str, str, bytes], reply: Reply) -> None:
        """Count an assembled answer. `request` is method, target and body."""
        method, target, _ = request
        with self._lock:
            self.duplicate_points[template] += self._duplicates(request, reply)
            self.requests[template] += 1
            self.statuses[reply.status] += 1
            self.points[template] += reply.points
            self.issues[template] += reply.issues
            self.last_at[template] = time.monotonic() - self.start
            if method == "GET":
                self.targets.append((template, target))

    def _duplicates(self, request: tuple[str, str, bytes], reply: Reply) -> int:
        if reply.whole:
            duplicates = sum(number in self.sent_issue_numbers for number in reply.whole)
            self.sent_issue_numbers.update(reply.whole)
            return duplicates
        if reply.status >= _BAD_REQUEST:
            return 0
        duplicates = reply.points if request in self.answered_requests else 0
        self.answered_requests.add(request)
        return duplicates

    def leave(self, byte_count: int, cpu_s: float) -> None:
        """Count an answer before its last byte is sent."""
        with self._lock:
            self.in_flight -= 1
            self.sent_bytes += byte_count
            self.working_seconds += cpu_s

    def as_json(self) -> dict[str, Any]:
        """Return the answer of `/bench/counters`."""
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
                "repeated": self.duplicate_points.total(),
                "repeated_by_template": dict(+self.duplicate_points),
                "most_in_flight": self.most_in_flight,
                "bytes": self.sent_bytes,
                "working_seconds": self.working_seconds,
                "cpu_seconds": time.process_time() - self._cpu,
                "seconds": time.monotonic() - self.start,
                "first_at": self.first_at,
                "last_at": dict(self.last_at),
            }
