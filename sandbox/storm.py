"""The site changes by itself: so many changes at a steady rate, drawn from a seed, each noted with its moment."""

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
"""What happens to issues, by weight."""
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
"""What happens besides."""
INSTEAD = "update_issue"
"""What any issue can take, where the kind that was drawn does not fit it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A storm to be."""

    changes: int = 2000
    """Changes of issues; as many issues are changed, each once, while there are enough."""
    rate: float = 50.0
    """Changes of issues a second."""
    others: float = 0.02
    """Changes besides, for each change of an issue."""
    seed: int = 1
    issue_kinds: Mapping[str, int] = field(default_factory=lambda: ISSUE_KINDS)
    other_kinds: Mapping[str, int] = field(default_factory=lambda: OTHER_KINDS)


@dataclass(frozen=True, slots=True)
class Note:
    """One change that was made: when (epoch ms), of what, and the issue's `updated` (epoch ms) afterwards."""

    at: int
    kind: str
    entity: str
    id: str
    issue_id: str | None
    updated: int | None
    events: tuple[str, ...]


class Storm:
    """Runs once, in a thread of its own."""

    def __init__(self, world: World, change: Callable[..., Change], wanted: Wanted) -> None:
        """Change issues of `world` by calls of `change(kind, **parameters)`; draw kinds and issues from the storm's seed."""
        self._world = world
        self._change = change
        self._wanted = wanted
        self._chance = Random(wanted.seed)  # noqa: S311 - reproducible, not secret
        self._targets: list[str] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="storm", daemon=True)
        self.notes: list[Note] = []
        self.problems: list[str] = []
        self.latest_by = 0.0
        """Seconds by which the worst change was behind its moment: a machine too busy for the rate."""

    def start(self) -> Storm:
        """Begin."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End before the time, after the change that is being made."""
        self._stopped.set()
        self._thread.join()

    def wait(self, patience: float | None = None) -> bool:
        """Wait for the end; return whether it has come."""
        self._thread.join(patience)
        return not self._thread.is_alive()

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be changed."""
        return not self._thread.is_alive()

    def shown(self, since: int = 0) -> JsonObject:
        """Return how far it is; the notes from number `since` on."""
        return {
            "made": len(self.notes),
            "wanted": self._wanted.changes,
            "isOver": self.is_over,
            "latestBy": self.latest_by,
            "problems": list(self.problems),
            "notes": [asdict(each) for each in self.notes[since:]],
        }

    def _run(self) -> None:
        began = time.monotonic()
        owed = 0.0
        for number in range(self._wanted.changes):
            due = began + number / self._wanted.rate
            if self._stopped.wait(max(0.0, due - time.monotonic())):
                return
            self.latest_by = max(self.latest_by, time.monotonic() - due)
            self._change_issue()
            owed += self._wanted.others
            if owed >= 1:
                owed -= 1
                self._change_other()

    def _change_issue(self) -> None:
        """Change the next issue in the way that is drawn; where that does not fit it, in a way that always does."""
        kind = self._drawn(self._wanted.issue_kinds)
        target = self._next_target()
        for each in (kind, INSTEAD):
            try:
                self._make(each, **({} if each in _OWN_TARGET else {"issue": target}))
            except NotNowError:
                continue
            except JiraError as problem:
                self.problems.append(f"{each}: {problem}")
            return

    def _change_other(self) -> None:
        for _ in range(5):
            kind = self._drawn(self._wanted.other_kinds)
            try:
                return self._make(kind)
            except NotNowError:
                continue
        return None

    def _make(self, kind: str, **asked: object) -> None:
        change = self._change(kind, **asked)
        self.notes.append(_note(self._world, change))

    def _drawn(self, kinds: Mapping[str, int]) -> str:
        return self._chance.choices([*kinds], [*kinds.values()])[0]

    def _next_target(self) -> str:
        """Return an issue that was not changed yet; when all were, they take their turns again."""
        while True:
            if not self._targets:
                self._targets = [each.id for each in self._world.searchable()]
                self._chance.shuffle(self._targets)
            known = self._targets.pop()
            issue = self._world.issues.get(known)
            if issue is not None and issue.is_searchable:
                return known


_OWN_TARGET = frozenset({"create_issue", "unlink_issues"})
"""What is not done to a given issue."""


def _note(world: World, change: Change) -> Note:
    issue = world.issues.get(change.issue_id or "")
    events = tuple(each.name for each in change.events)
    updated = None if issue is None else issue.updated_ms
    return Note(change.made_at, change.kind, change.entity, change.id, change.issue_id, updated, events)
