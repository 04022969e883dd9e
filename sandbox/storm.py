"""Random changes of the site at a steady rate, drawn from a seed, each recorded with its time."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass, field
from random import Random
from typing import TYPE_CHECKING

from sandbox.shapes import JiraError, JsonObject, NotNowError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox.changes import Change
    from sandbox.world import World

ISSUE_KINDS: Mapping[str, int] = {
    "update_issue": 24,
    "transition_issue": 20,
    "assign_issue": 8,
    "add_comment": 12,
    "edit_comment": 4,
    "delete_comment": 2,
    "add_worklog": 6,
    "edit_worklog": 2,
    "delete_worklog": 2,
    "add_attachment": 3,
    "delete_attachment": 1,
    "link_issues": 4,
    "unlink_issues": 1,
    "add_remote_link": 2,
    "delete_remote_link": 1,
    "plan_issue": 3,
    "unplan_issue": 1,
    "set_versions": 1,
    "set_components": 1,
    "move_issue": 1,
    "create_issue": 2,
    "delete_issue": 1,
    "archive_issue": 1,
    "hide_issue": 1,
}
"""Weights of changes of issues."""
OTHER_KINDS: Mapping[str, int] = {
    "create_sprint": 2,
    "rename_sprint": 1,
    "start_sprint": 2,
    "close_sprint": 2,
    "delete_sprint": 1,
    "create_version": 2,
    "rename_version": 1,
    "release_version": 2,
    "archive_version": 1,
    "merge_version": 1,
    "delete_version": 1,
    "create_component": 1,
    "rename_component": 1,
    "delete_component": 1,
    "create_board": 1,
    "rename_board": 1,
    "configure_board": 1,
    "delete_board": 1,
    "rename_project": 1,
    "create_project": 1,
    "create_status": 1,
    "rename_status": 2,
    "recategorize_status": 1,
    "create_field": 1,
    "rename_field": 1,
    "rename_issue_type": 1,
    "rename_priority": 1,
    "rename_resolution": 1,
    "rename_link_type": 1,
    "create_user": 1,
    "rename_user": 1,
    "deactivate_user": 1,
    "delete_user": 1,
}
"""Weights of changes of other objects."""
FALLBACK_KIND = "update_issue"
"""Fits every issue; used where the drawn kind does not."""


@dataclass(frozen=True, slots=True)
class StormPlan:
    """Size, rate and mixture of a storm."""

    changes: int = 2000
    """Number of changes of issues. Every issue is changed once before any is changed twice."""
    rate: float = 50.0
    """Changes of issues per second."""
    others: float = 0.02
    """Changes of other objects per change of an issue."""
    seed: int = 1
    issue_kinds: Mapping[str, int] = field(default_factory=lambda: ISSUE_KINDS)
    other_kinds: Mapping[str, int] = field(default_factory=lambda: OTHER_KINDS)


@dataclass(frozen=True, slots=True)
class Note:
    """One change: its time (epoch ms), its object, and `updated` of the issue afterwards (epoch ms)."""

    at: int
    kind: str
    entity: str
    id: str
    issue_id: str | None
    updated: int | None
    events: tuple[str, ...]


class Storm:
    """One run of changes in a thread of its own."""

    def __init__(self, world: World, change: Callable[..., Change], plan: StormPlan) -> None:
        """Apply changes to `world` through `change(kind, **parameters)`."""
        self._world = world
        self._change = change
        self._plan = plan
        self._chance = Random(plan.seed)  # noqa: S311 - reproducible, not secret
        self._targets: list[str] = []
        self._stop_event = threading.Event()
        self._thread = threading.Thread(target=self._run, name="storm", daemon=True)
        self.notes: list[Note] = []
        self.problems: list[str] = []
        self.latest_by = 0.0
        """Longest delay of a change behind its schedule in seconds; large on an overloaded machine."""

    def start(self) -> Storm:
        """Start the thread and return the storm."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop after the current change."""
        self._stop_event.set()
        self._thread.join()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end. Returns False after `timeout` seconds."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def is_over(self) -> bool:
        """Whether the storm has ended."""
        return not self._thread.is_alive()

    def progress(self, since: int = 0) -> JsonObject:
        """Return the progress and the notes from number `since` on."""
        return {
            "made": len(self.notes),
            "wanted": self._plan.changes,
            "isOver": self.is_over,
            "latestBy": self.latest_by,
            "problems": list(self.problems),
            "notes": [asdict(note) for note in self.notes[since:]],
        }

    def _run(self) -> None:
        start = time.monotonic()
        debt = 0.0
        for number in range(self._plan.changes):
            due = start + number / self._plan.rate
            if self._stop_event.wait(max(0.0, due - time.monotonic())):
                return
            self.latest_by = max(self.latest_by, time.monotonic() - due)
            self._change_issue()
            debt += self._plan.others
            if debt >= 1:
                debt -= 1
                self._change_other()

    def _change_issue(self) -> None:
        """Apply a random change to the next issue, or the fallback where the change does not fit it."""
        kind = self._draw(self._plan.issue_kinds)
        target = self._next_target()
        for attempt in (kind, FALLBACK_KIND):
            try:
                self._make(attempt, **({} if attempt in _UNTARGETED_KINDS else {"issue": target}))
            except NotNowError:
                continue
            except JiraError as problem:
                self.problems.append(f"{attempt}: {problem}")
            return

    def _change_other(self) -> None:
        for _ in range(5):
            kind = self._draw(self._plan.other_kinds)
            try:
                return self._make(kind)
            except NotNowError:
                continue
        return None

    def _make(self, kind: str, **parameters: object) -> None:
        change = self._change(kind, **parameters)
        self.notes.append(_note(self._world, change))

    def _draw(self, kinds: Mapping[str, int]) -> str:
        return self._chance.choices([*kinds], [*kinds.values()])[0]

    def _next_target(self) -> str:
        """Return the next issue of a random order; start a new order after the last one."""
        while True:
            if not self._targets:
                self._targets = [issue.id for issue in self._world.searchable()]
                self._chance.shuffle(self._targets)
            issue_id = self._targets.pop()
            issue = self._world.issues.get(issue_id)
            if issue is not None and issue.is_searchable:
                return issue_id


_UNTARGETED_KINDS = frozenset({"create_issue", "unlink_issues"})
"""Kinds that choose their own issue."""


def _note(world: World, change: Change) -> Note:
    issue = world.issues.get(change.issue_id or "")
    events = tuple(event.name for event in change.events)
    update_ms = None if issue is None else issue.updated_ms
    return Note(change.made_at, change.kind, change.entity, change.id, change.issue_id, update_ms, events)
