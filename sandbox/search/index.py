"""The search index: several replicas with different lags; any of them may answer a search.

Search is eventually consistent and not monotonic, as Jira's is: an issue may be found, then missing, then found again,
and likewise each of its versions. Only `reconcileIssues` bypasses the index, for the issues it lists.
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
    """One issue on one replica that lags: the visible record and the pending ones."""

    record: Issue | None
    updates: deque[tuple[int, Issue | None]] = field(default_factory=deque)  # (visible from epoch ms, record)

    def at(self, now: int) -> Issue | None:
        """Apply the updates that are due at `now` (epoch ms) and return the visible record."""
        while self.updates and self.updates[0][0] <= now:
            self.record = self.updates.popleft()[1]
        return self.record


class Index:
    """Shows the world with a lag. Without a lag, searches read the world directly."""

    def __init__(self, world: World, options: Options, clock: Callable[[], int], seed: int) -> None:
        """Draw lags, up to `options.index_lag_s`, and replicas from `seed`."""
        self._world = world
        self._options = options
        self._clock = clock
        self._chance = Random(seed)  # noqa: S311 - reproducible, not secret
        self._replicas: list[dict[str, _Trail]] = [{} for _ in range(REPLICAS)]
        self._lock = threading.Lock()
        self._unique = itertools.count(-1, -1)
        world.watchers.append(self)

    def issue_changed(self, before: Issue | None, after: Issue | None) -> None:
        """Schedule the write on each replica with a random lag; writes of one issue keep their order."""
        lag_ms = int(self._options.index_lag_s * SECOND)
        record = after or before
        if lag_ms <= 0 or record is None:
            return
        now = self._clock()
        with self._lock:
            for replica in self._replicas:
                trail = replica.get(record.id)
                if trail is None:
                    trail = replica[record.id] = _Trail(before)
                previous = trail.updates[-1][0] if trail.updates else 0
                trail.updates.append((max(previous, now + self._chance.randint(0, lag_ms)), after))

    def catalogue_changed(self) -> None:
        """Ignore: permissions and projects take effect at once."""

    def view(
        self, reconcile_ids: Collection[int] = (), closed_projects: frozenset[str] = frozenset()
    ) -> World | ReplicaView:
        """Return the view of a random replica, with current records for `reconcile_ids`, without closed projects."""
        now, world = self._clock(), self._world.without(closed_projects)
        with self._lock:
            for replica in self._replicas:
                for issue_id in [issue_id for issue_id, trail in replica.items() if _is_over(trail, now)]:
                    del replica[issue_id]
            chosen_replica = self._chance.choice(self._replicas)
            if not any(self._replicas):
                return world
            stale_records = {
                issue_id: trail.record
                for issue_id, trail in chosen_replica.items()
                if int(issue_id) not in reconcile_ids
            }
            return ReplicaView(world, stale_records, next(self._unique))


def _is_over(trail: _Trail, now: int) -> bool:
    trail.at(now)
    return not trail.updates


@dataclass(frozen=True, slots=True)
class ReplicaView:
    """One replica at one moment: the world, except for issues with a stale record."""

    world: World
    stale_records: dict[str, Issue | None]
    revision: int
    """Unique to this view: its search results are not cached for others."""

    def searchable(self, project_ids: Iterable[str] | None = None) -> Iterator[Issue]:
        """Yield the searchable issues of the replica."""
        id_set = None if project_ids is None else set(project_ids)
        yield from (issue for issue in self.world.searchable(id_set) if issue.id not in self.stale_records)
        for record in self.stale_records.values():
            if record is not None and (id_set is None or record.project_id in id_set) and self._may_be_found(record):
                yield record

    def lookup(self, ids_or_keys: Iterable[str]) -> Iterator[Issue]:
        """Yield the searchable issues with these ids or keys."""
        names = [*ids_or_keys]
        yield from (issue for issue in self.world.lookup(names) if issue.id not in self.stale_records)
        name_set = {name.upper() for name in names}
        for record in self.stale_records.values():
            if (
                record is not None
                and name_set & {record.id, record.key, *record.former_keys}
                and self._may_be_found(record)
            ):
                yield record

    def _may_be_found(self, issue: Issue) -> bool:
        return issue.is_searchable and self.world.is_open(issue.project_id)
