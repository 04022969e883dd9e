"""How many issues to ask for at once: a page is to have so many bytes, and projects differ by a hundred times.

The first page of a project is a small one; what it weighs says how large the next are. Each process learns by itself: it
costs a request, and a site of usual issues has pages as large as Jira sends them from then on.
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

ENOUGH = 4_000_000
"""Bytes of a page. It is several times that while it is read and stored, and a worker has as many as its crew has members."""
FIRST = 5
"""Issues of a project's first page."""
_LARGE = 50
"""Pages of fewer issues take turns, whether they are known to be of large ones or are a project's first."""
_AT_ONCE = 3
"""So many of them a process has at once: large issues take ten times their octets until they are stored."""
_FEW = 15
"""So many are asked for at once: there is nothing to learn for."""
_MOST_KNOWN = 10_000
"""Projects that are remembered."""
_NEWEST = 0.75
"""What a full page counts for, of what is known of a project."""
_STAYS = 1.25
"""A size stays until it is wrong by more than this: Jira binds a walk's tokens to its parameters."""


@dataclass
class _Weighed:
    """What an issue of a project weighs, in octets, as it was seen lately, and the size that came of it."""

    weight: float
    size: int = FIRST


class PageSizer:
    """The sizes of pages, by project; one a process."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[UUID, str], _Weighed] = OrderedDict()
        self._lock = threading.Lock()
        self._turns = threading.BoundedSemaphore(_AT_ONCE)

    def size_for(self, tenant_id: UUID, project_id: str, left: int | None) -> int:
        """Issues to ask for, where so many are left (None: nobody has counted)."""
        with self._lock:
            known = self._known.get((tenant_id, project_id))
        if known is not None:
            return known.size
        return _FEW if left is not None and left <= _FEW else FIRST

    def take_turn(self, size: int | None) -> AbstractContextManager[object]:
        """Entered while a page of that size is read and stored; pages of large issues take turns."""
        return nullcontext() if size is None or size >= _LARGE else self._turns

    def weigh(self, tenant_id: UUID, project_id: str, *, issues: int, octets: int) -> None:
        """Learn from a page: a full one counts for most of what is known, a rest of a few issues for little."""
        if not issues:
            return
        seen = max(1.0, octets / issues)
        with self._lock:
            known = self._known.setdefault((tenant_id, project_id), _Weighed(seen))
            self._known.move_to_end((tenant_id, project_id))
            known.weight += _NEWEST * min(1.0, issues / known.size) * (seen - known.weight)
            right = max(1, min(ISSUE_PAGE, int(ENOUGH / known.weight)))
            if right in {1, ISSUE_PAGE} or not right / _STAYS <= known.size <= right * _STAYS:
                known.size = right
            while len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
