"""The search index: several replicas, each some way behind the truth, and any of them may answer.

So a search is eventually consistent and not monotonic, as Jira's is: an issue is found, then not, then found again, and
the same holds for every version of it. Only `reconcileIssues` sees past the index, for the issues that it names.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from sandbox.moments import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from sandbox.options import Options
    from sandbox.world import Issue, World

REPLICAS = 3


@dataclass(slots=True)
class _Trail:
    """What one replica shows of one issue until it has caught up: a record, and those that come after it."""

    shown: Issue | None
    coming: deque[tuple[int, Issue | None]] = field(default_factory=deque)  # epoch ms from which each is shown

    def at(self, now: int) -> Issue | None:
        """Step up to now; return what is shown."""
        while self.coming and self.coming[0][0] <= now:
            self.shown = self.coming.popleft()[1]
        return self.shown


class Index:
    """Watches the world and shows it late. While nothing is late it costs nothing."""

    def __init__(self, world: World, options: Options, clock: Callable[[], int], seed: int) -> None:
        """Draw lags and replicas from `seed`; the lag is `options.index_lag_s` at most."""
        self._world = world
        self._options = options
        self._clock = clock
        self._chance = Random(seed)  # noqa: S311 - reproducible, not secret
        self._replicas: list[dict[str, _Trail]] = [{} for _ in range(REPLICAS)]
        self._lock = threading.Lock()
        self._unique = itertools.count(-1, -1)
        world.watchers.append(self)

    def issue_changed(self, before: Issue | None, after: Issue | None) -> None:
        """Let each replica learn of a write after a lag of its own, never before an earlier one of the same issue."""
        lag_ms = int(self._options.index_lag_s * SECOND)
        one = after or before
        if lag_ms <= 0 or one is None:
            return
        now = self._clock()
        with self._lock:
            for replica in self._replicas:
                trail = replica.get(one.id)
                if trail is None:
                    trail = replica[one.id] = _Trail(before)
                behind = trail.coming[-1][0] if trail.coming else 0
                trail.coming.append((max(behind, now + self._chance.randint(0, lag_ms)), after))

    def rest_changed(self) -> None:
        """Permissions and projects take effect at once."""

    def view(self, reconciled: Collection[int] = ()) -> World | Behind:
        """Return what a search sees now: any replica, with the truth for the issues that are named."""
        now = self._clock()
        with self._lock:
            for replica in self._replicas:
                for known in [known for known, trail in replica.items() if _is_over(trail, now)]:
                    del replica[known]
            chosen = self._chance.choice(self._replicas)
            if not any(self._replicas):
                return self._world
            late = {known: trail.shown for known, trail in chosen.items() if int(known) not in reconciled}
            return Behind(self._world, late, next(self._unique))


def _is_over(trail: _Trail, now: int) -> bool:
    trail.at(now)
    return not trail.coming


@dataclass(frozen=True, slots=True)
class Behind:
    """One replica at one moment: the truth, but for the issues that it shows as they were."""

    world: World
    late: dict[str, Issue | None]
    revision: int
    """Of this view alone: nothing that was found through it is kept for another."""

    def searchable(self, project_ids: Iterable[str] | None = None) -> Iterator[Issue]:
        """Yield the issues that the replica knows."""
        wanted = None if project_ids is None else set(project_ids)
        yield from (each for each in self.world.searchable(wanted) if each.id not in self.late)
        for each in self.late.values():
            if each is not None and (wanted is None or each.project_id in wanted) and self._may_be_found(each):
                yield each

    def named(self, texts: Iterable[str]) -> Iterator[Issue]:
        """Yield the issues of these ids and keys that the replica knows."""
        asked = [*texts]
        yield from (each for each in self.world.named(asked) if each.id not in self.late)
        wanted = {text.upper() for text in asked}
        for each in self.late.values():
            if each is not None and wanted & {each.id, each.key, *each.former_keys} and self._may_be_found(each):
                yield each

    def _may_be_found(self, issue: Issue) -> bool:
        return issue.is_searchable and self.world.is_open(issue.project_id)
