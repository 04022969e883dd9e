"""The world of a site: Jira's objects, with indexes that keep searches over 20,000 issues fast.

Records are immutable; a change replaces a record by a new one. Readers therefore need no lock, and only writers wait
for `World.lock`.
"""

from __future__ import annotations

import copy
import itertools
import threading
from bisect import bisect_left
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sandbox.shapes import JsonObject
    from sandbox.world.objects import Catalogue, Issue


class Watcher(Protocol):
    """An observer of writes. Called under the world's lock after each write."""

    def issue_changed(self, before: Issue | None, after: Issue | None) -> None:
        """An issue was created (no `before`), changed, or deleted (no `after`)."""

    def catalogue_changed(self) -> None:
        """The catalogue, the lost projects or a feed changed."""


class World:
    """The whole state of a site."""

    def __init__(self, catalogue: Catalogue, issues: Iterable[Issue], timezone: str) -> None:
        """Index the issues; the site writes its times in `timezone`."""
        self.lock = threading.RLock()
        self.watchers: list[Watcher] = []
        self.timezone = timezone
        self.catalogue = catalogue
        self.issues: dict[str, Issue] = {}
        self.keys: dict[str, str] = {}
        self.by_project: dict[str, tuple[str, ...]] = {}
        self.lost_projects: frozenset[str] = frozenset()
        self.revision = 0
        self.deleted_worklogs: list[tuple[str, int]] = []
        self.audit: list[JsonObject] = []
        self._load(issues)
        self._ids = itertools.count(1 + self._highest_id())

    def _load(self, issues: Iterable[Issue]) -> None:
        groups: defaultdict[str, list[Issue]] = defaultdict(list)
        for issue in issues:
            self.issues[issue.id] = issue
            for key in (*issue.former_keys, issue.key):
                self.keys[key] = issue.id
            groups[issue.project_id].append(issue)
        for project_id, members in groups.items():
            members.sort(key=lambda issue: issue.place)
            self.by_project[project_id] = tuple(issue.id for issue in members)

    def _highest_id(self) -> int:
        ids = [100_000]
        for issue in self.issues.values():
            ids.append(int(issue.id))
            for entries in (issue.histories, issue.comments, issue.worklogs, issue.remote_links):
                ids.extend(int(entry["id"]) for entry in entries)
            for name in ("issuelinks", "attachment"):
                ids.extend(int(entry["id"]) for entry in issue.fields.get(name) or ())
        return max(ids)

    def new_id(self) -> str:
        """Return an id without an earlier use on this site."""
        return str(next(self._ids))

    def skip_ids(self, count: int) -> None:
        """Skip the next `count` ids."""
        self._ids = itertools.count(count + next(self._ids))

    def find(self, id_or_key: str) -> Issue | None:
        """Return the issue with that id, key or former key, hidden or not."""
        return self.issues.get(id_or_key) or self.issues.get(self.keys.get(id_or_key.upper(), ""))

    def project(self, id_or_key: str) -> JsonObject | None:
        """Return the project with that id, key or former key (in any case); None if the app has lost access."""
        project = self.catalogue.projects.get(id_or_key)
        if project is None:
            key = id_or_key.upper()
            project = next((p for p in self.catalogue.projects.values() if key in _keys(p)), None)
        return None if project is None or project["id"] in self.lost_projects else project

    def put(self, issue: Issue) -> None:
        """Insert the issue, or replace the record with the same id."""
        with self.lock:
            before = self.issues.get(issue.id)
            self.issues[issue.id] = issue
            for key in (*issue.former_keys, issue.key):
                self.keys[key] = issue.id
            if before is None or before.project_id != issue.project_id:
                if before is not None:
                    self._unlist(before)
                self._list(issue)
            self.revision += 1
            for watcher in self.watchers:
                watcher.issue_changed(before, issue)

    def drop(self, issue_id: str) -> None:
        """Delete the issue with all its children."""
        with self.lock:
            issue = self.issues.pop(issue_id)
            for key in (*issue.former_keys, issue.key):
                self.keys.pop(key, None)
            self._unlist(issue)
            self.revision += 1
            for watcher in self.watchers:
                watcher.issue_changed(issue, None)

    def touch(self) -> None:
        """Record a change of something other than issues."""
        with self.lock:
            self.revision += 1
            for watcher in self.watchers:
                watcher.catalogue_changed()

    def _list(self, issue: Issue) -> None:
        members = self.by_project.get(issue.project_id, ())
        at = bisect_left(members, issue.place, key=lambda member: self.issues[member].place)
        self.by_project[issue.project_id] = (*members[:at], issue.id, *members[at:])

    def _unlist(self, issue: Issue) -> None:
        members = self.by_project.get(issue.project_id, ())
        self.by_project[issue.project_id] = tuple(member for member in members if member != issue.id)

    def searchable(self, project_ids: Iterable[str] | None = None) -> Iterator[Issue]:
        """Yield the issues that the app's user can find, in order of creation within each project."""
        ids = list(self.by_project) if project_ids is None else [p for p in project_ids if p in self.by_project]
        for project_id in ids:
            if not self.is_open(project_id):
                continue
            for issue_id in self.by_project[project_id]:
                issue = self.issues.get(issue_id)  # a concurrent change may have deleted it
                if issue is not None and issue.is_searchable:
                    yield issue

    def lookup(self, ids_or_keys: Iterable[str]) -> Iterator[Issue]:
        """Yield the findable issues with these ids, keys or former keys."""
        matches = {issue.id: issue for id_or_key in ids_or_keys if (issue := self.find(id_or_key)) is not None}
        return (issue for issue in matches.values() if issue.is_searchable and self.is_open(issue.project_id))

    def without(self, project_ids: frozenset[str]) -> World:
        """Return the world without access to these projects either. It shares every record and is for reading only."""
        if not project_ids:
            return self
        view = copy.copy(self)
        view.lost_projects = self.lost_projects | project_ids
        return view

    def is_open(self, project_id: str) -> bool:
        """Whether a search can return issues of the project."""
        return project_id not in self.lost_projects and self.is_live(project_id)

    def is_live(self, project_id: str) -> bool:
        """Whether the project is neither archived nor in the trash."""
        project: dict[str, Any] = self.catalogue.projects.get(project_id, {})
        return not project.get("archived") and not project.get("deleted")

    def may_see(self, issue: Issue) -> bool:
        """Whether a GET by the app's user returns the issue, archived or not."""
        return not issue.is_hidden and issue.project_id not in self.lost_projects


def _keys(project: JsonObject) -> set[str]:
    return {str(key).upper() for key in (project["key"], *project.get("projectKeys", ()))}
