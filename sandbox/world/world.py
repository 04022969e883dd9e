"""The truth of the site: plain Jira objects, with the indexes that make 20,000 issues quick to search.

Records are immutable; a change puts a new record in place of the old one. So readers need no lock: whatever they
hold stays consistent, and only writers queue on `World.lock`.
"""

from __future__ import annotations

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
    """Somebody who is told of every write, under the world's lock, after it is in place."""

    def issue_changed(self, before: Issue | None, after: Issue | None) -> None:
        """An issue came (no `before`), changed, or went for good (no `after`)."""

    def rest_changed(self) -> None:
        """Something besides issues changed: the catalogue, lost projects, a feed."""


class World:
    """All of the site's truth."""

    def __init__(self, catalogue: Catalogue, issues: Iterable[Issue], timezone: str) -> None:
        """Index the issues; `timezone` is the zone in which the site writes its times."""
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
        grouped: defaultdict[str, list[Issue]] = defaultdict(list)
        for issue in issues:
            self.issues[issue.id] = issue
            for key in (*issue.former_keys, issue.key):
                self.keys[key] = issue.id
            grouped[issue.project_id].append(issue)
        for project_id, members in grouped.items():
            members.sort(key=lambda issue: issue.place)
            self.by_project[project_id] = tuple(issue.id for issue in members)

    def _highest_id(self) -> int:
        found = [100_000]
        for issue in self.issues.values():
            found.append(int(issue.id))
            for entries in (issue.histories, issue.comments, issue.worklogs, issue.remote_links):
                found.extend(int(entry["id"]) for entry in entries)
            for name in ("issuelinks", "attachment"):
                found.extend(int(entry["id"]) for entry in issue.fields.get(name) or ())
        return max(found)

    def new_id(self) -> str:
        """Return an id that nothing on this site has had."""
        return str(next(self._ids))

    def skip_ids(self, count: int) -> None:
        """Never give the next so many ids."""
        self._ids = itertools.count(count + next(self._ids))

    def find(self, id_or_key: str) -> Issue | None:
        """Return the issue of that id, key or former key, hidden ones included."""
        return self.issues.get(id_or_key) or self.issues.get(self.keys.get(id_or_key.upper(), ""))

    def project(self, id_or_key: str) -> JsonObject | None:
        """Return the project of that id or (case-insensitive) key, former ones too, unless the app lost access to it."""
        found = self.catalogue.projects.get(id_or_key)
        if found is None:
            wanted = id_or_key.upper()
            found = next((p for p in self.catalogue.projects.values() if wanted in _keys(p)), None)
        return None if found is None or found["id"] in self.lost_projects else found

    def put(self, issue: Issue) -> None:
        """Insert the issue or replace the record of the same id."""
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
        """Delete the issue for good, with everything that hangs on it."""
        with self.lock:
            issue = self.issues.pop(issue_id)
            for key in (*issue.former_keys, issue.key):
                self.keys.pop(key, None)
            self._unlist(issue)
            self.revision += 1
            for watcher in self.watchers:
                watcher.issue_changed(issue, None)

    def touch(self) -> None:
        """Note that something besides issues has changed."""
        with self.lock:
            self.revision += 1
            for watcher in self.watchers:
                watcher.rest_changed()

    def _list(self, issue: Issue) -> None:
        members = self.by_project.get(issue.project_id, ())
        at = bisect_left(members, issue.place, key=lambda each: self.issues[each].place)
        self.by_project[issue.project_id] = (*members[:at], issue.id, *members[at:])

    def _unlist(self, issue: Issue) -> None:
        members = self.by_project.get(issue.project_id, ())
        self.by_project[issue.project_id] = tuple(each for each in members if each != issue.id)

    def searchable(self, project_ids: Iterable[str] | None = None) -> Iterator[Issue]:
        """Yield what the app's user may find, by order of creation within each project."""
        wanted = list(self.by_project) if project_ids is None else [p for p in project_ids if p in self.by_project]
        for project_id in wanted:
            if not self.is_open(project_id):
                continue
            for issue_id in self.by_project[project_id]:
                issue = self.issues.get(issue_id)  # may be deleted meanwhile
                if issue is not None and issue.is_searchable:
                    yield issue

    def named(self, texts: Iterable[str]) -> Iterator[Issue]:
        """Yield what the app's user may find of these ids and keys, former keys included."""
        found = {each.id: each for text in texts if (each := self.find(text)) is not None}
        return (each for each in found.values() if each.is_searchable and self.is_open(each.project_id))

    def is_open(self, project_id: str) -> bool:
        """Whether issues of the project can be found at all."""
        return project_id not in self.lost_projects and self.is_live(project_id)

    def is_live(self, project_id: str) -> bool:
        """Whether the project is neither archived nor in the trash."""
        project: dict[str, Any] = self.catalogue.projects.get(project_id, {})
        return not project.get("archived") and not project.get("deleted")

    def may_see(self, issue: Issue) -> bool:
        """Whether a GET of the issue by the app's user answers (archived issues still do)."""
        return not issue.hidden and issue.project_id not in self.lost_projects


def _keys(project: JsonObject) -> set[str]:
    return {str(key).upper() for key in (project["key"], *project.get("projectKeys", ()))}
