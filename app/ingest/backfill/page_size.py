"""Page sizes: a page should have a fixed number of octets, and the issues of projects differ by a factor of a hundred.

The first page of a project is small; its weight gives the size of the next ones. Each process learns by itself: that
costs one request, and a site with ordinary issues has full pages from then on.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.sources import ISSUE_PAGE

if TYPE_CHECKING:
    from uuid import UUID

PAGE_OCTETS = 4_000_000
"""Octets of a page. Parsing and storing take several times as much memory, and every thread of a worker holds a page."""
FIRST = 5
"""Issues of a project's first page."""
_LARGE = 50
"""Pages of fewer issues take turns, whether they hold large issues or are a project's first page."""
_AT_ONCE = 3
"""Pages of large issues that a process holds at once: they take ten times their octets until they are stored."""
_SMALL_PROJECT = 15
"""A project with no more issues than these is asked for at once: there is nothing to learn for."""
_SAMPLE_LIMIT = 10_000
"""Projects in memory."""
_NEWEST = 0.75
"""Weight of the newest full page in a project's average."""
_STAYS = 1.25
"""A size is kept while it is right within this factor: Jira binds a walk's tokens to its parameters."""


@dataclass
class _Weighed:
    """Recent octets an issue of a project, and the page size derived from them."""

    weight: float
    size: int = FIRST


class PageSizer:
    """Page sizes by project; one object a process."""

    def __init__(self) -> None:
        self._samples: OrderedDict[tuple[UUID, str], _Weighed] = OrderedDict()
        self._lock = threading.Lock()
        self._turns = threading.BoundedSemaphore(_AT_ONCE)

    def size_for(self, tenant_id: UUID, project_id: str, remaining_issues: int | None) -> int:
        """Issues to ask for, with so many remaining (None: not counted)."""
        with self._lock:
            sample = self._samples.get((tenant_id, project_id))
        if sample is not None:
            return sample.size
        return _SMALL_PROJECT if remaining_issues is not None and remaining_issues <= _SMALL_PROJECT else FIRST

    def take_turn(self, size: int | None) -> AbstractContextManager[object]:
        """Context in which a page of that size is read and stored; pages of large issues take turns."""
        return nullcontext() if size is None or size >= _LARGE else self._turns

    def weigh(self, tenant_id: UUID, project_id: str, *, issues: int, octets: int) -> None:
        """Learn from a page: a full page dominates the average, the last few issues of a project hardly change it."""
        if not issues:
            return
        weight = max(1.0, octets / issues)
        with self._lock:
            sample = self._samples.setdefault((tenant_id, project_id), _Weighed(weight))
            self._samples.move_to_end((tenant_id, project_id))
            sample.weight += _NEWEST * min(1.0, issues / sample.size) * (weight - sample.weight)
            right = max(1, min(ISSUE_PAGE, int(PAGE_OCTETS / sample.weight)))
            if right in {1, ISSUE_PAGE} or not right / _STAYS <= sample.size <= right * _STAYS:
                sample.size = right
            while len(self._samples) > _SAMPLE_LIMIT:
                self._samples.popitem(last=False)
