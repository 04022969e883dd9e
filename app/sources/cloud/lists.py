"""Lists and single objects of Jira Cloud other than issues."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app import clock
from app.catalog.extract import id_of
from app.catalog.json_value import Json, find
from app.conditions import Code
from app.errors import JiraGone, JiraNonsense, JiraRefused, JiraRejected
from app.sources.answers import Matches, Objects
from app.sources.cloud.pages import fetch, list_in
from app.sources.cloud.rest import path_of
from app.sources.outcomes import Gone, NotForUs, NotOffered, attempt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from msgspec import Raw

    from app.catalog.language import Entity
    from app.sources.cloud.rest import CloudSession
    from app.sources.outcomes import Broken, Finding
    from app.sources.paging import Page, Place

FILTER_BATCH = 50
"""Filters of one question; Jira names no limit."""
_PROJECT_BATCH = 50
"""Projects that Jira takes by id in one search."""


def page(site: CloudSession, entity: Entity, scope_id: str, place: Place) -> Page | Finding:
    """A page of a list. A list of the whole site that isn't there isn't offered; one of a scope is gone with it."""
    walk = entity.walk
    if walk is None:
        raise LookupError(f"{entity.name} has no walk")
    path = path_of(walk.path, project_id=scope_id, board_id=scope_id, issue_id=scope_id)
    return attempt(lambda: fetch(site, walk, place, path=path), names_object=bool(scope_id))


def one(site: CloudSession, entity: Entity, object_id: str) -> Json | Finding:
    """One object by its id, or out of an answer that lists several."""
    walk = entity.one
    if walk is None:
        raise LookupError(f"{entity.name} is not read one by one")
    params: dict[str, str | int | Sequence[str | int]] = {
        name: object_id if value == "{id}" else value for name, value in walk.params.items()
    }
    path = path_of(walk.path, id=object_id)

    def ask() -> Json:
        body = site.get(path, params).body
        if walk.items:
            return _member(entity, list_in(body, walk.items, path), object_id, path)
        if id_of(entity, body) is None:
            raise JiraNonsense(Code.OBJECT_MISSING, path=path)
        return body

    return attempt(ask)


def _member(entity: Entity, bodies: Sequence[Json], object_id: str, path: str) -> Json:
    """The object of an id. Raises JiraGone where a list doesn't hold it."""
    for body in bodies:
        if id_of(entity, body) == object_id:
            return body
    raise JiraGone(Code.OBJECT_NOT_LISTED, path=path)


def visible_projects(site: CloudSession, project_ids: Sequence[str]) -> set[str] | Finding:
    """The projects in sight, archived and trashed ones included. Raises JiraNonsense for a list that isn't whole."""

    def ask() -> set[str]:
        starts = range(0, len(project_ids), _PROJECT_BATCH)
        return set[str]().union(*(_in_sight(site, project_ids[start : start + _PROJECT_BATCH]) for start in starts))

    return attempt(ask, names_object=False)


def _in_sight(site: CloudSession, project_ids: Sequence[str]) -> set[str]:
    query: dict[str, str | int | Sequence[str | int]] = {
        "id": list(project_ids),
        "status": ["live", "archived", "deleted"],
        "maxResults": _PROJECT_BATCH,
    }
    path = path_of("project/search")
    body = site.get(path, query).body
    visible_ids = {str(find(value, "id")) for value in list_in(body, "values", path)}
    total = find(body, "total")
    if (isinstance(total, int) and len(visible_ids) < total) or find(body, "isLast") is False:
        count = len(visible_ids)
        raise JiraNonsense(
            Code.LIST_CUT, entity="project", total=total if isinstance(total, int) else count, count=count
        )
    return visible_ids


def link_types(site: CloudSession) -> Objects | Finding:
    """All issue link types; not offered where issue linking is off."""

    def ask() -> Objects:
        path = path_of("issueLinkType")
        answer = site.get(path)
        return Objects(list_in(answer.body, "issueLinkTypes", path), answer.sent_at)

    return attempt(ask, names_object=False)


def memberships(site: CloudSession, filters: Mapping[str, str], issue_ids: Sequence[str]) -> Matches | Finding:
    """Which boards (filter ids by board id) hold which issues.

    `/board/{id}/issue` would cost a point for every issue of every board; `jql/match` answers with ids, for many boards
    at once. Raises JiraNonsense for answers to other filters.
    """
    question = _Matching(site, filters, issue_ids)
    boards = list(filters)
    for start in range(0, len(boards), FILTER_BATCH):
        batch = boards[start : start + FILTER_BATCH]
        finding = question.match(batch)
        if finding is not None and _is_about_all(question, batch, finding):
            return finding
    return Matches(question.items, question.board_ids, question.unreadable, issue_ids, question.sent_at)


def _is_about_all(question: _Matching, batch: list[str], finding: NotOffered | NotForUs) -> bool:
    """Whether the question itself is refused: each filter of the first batch is, or one with a word about the endpoint."""
    if question.board_ids or len(question.unreadable) < len(batch):
        return False
    return len(batch) > 1 or not isinstance(finding.failure, JiraRejected)


@dataclass
class _Matching:
    """A question about many filters, and its results so far."""

    site: CloudSession
    filters: Mapping[str, str]
    issue_ids: Sequence[str]
    sent_at: datetime = field(default_factory=clock.now)
    items: list[Json | Raw] = field(default_factory=list)
    board_ids: list[str] = field(default_factory=list)
    unreadable: dict[str, NotOffered | NotForUs | Broken] = field(default_factory=dict)

    def match(self, batch: list[str]) -> NotOffered | NotForUs | None:
        """Ask for a batch of boards, halved where it is refused: one filter can refuse all. Returns the last refusal."""
        outcome = attempt(lambda: self._ask(batch), names_object=False)
        if isinstance(outcome, Gone):
            raise outcome.failure
        if isinstance(outcome, list):
            self._keep(batch, outcome)
            return None
        if len(batch) == 1:
            self.unreadable[batch[0]] = outcome
            return outcome
        middle = len(batch) // 2
        refusals = [self.match(batch[:middle]), self.match(batch[middle:])]
        return refusals[-1] or refusals[0]

    def _ask(self, batch: list[str]) -> list[Json]:
        body: dict[str, Json] = {
            "jqls": [f"filter = {self.filters[board_id]}" for board_id in batch],
            "issueIds": [int(issue_id) for issue_id in self.issue_ids if issue_id.isdecimal()],
        }
        matches = find(self.site.post(path_of("jql/match"), body).body, "matches")
        if not isinstance(matches, list) or len(matches) != len(batch):
            raise JiraNonsense(Code.OTHER_FILTERS)
        return matches

    def _keep(self, batch: list[str], matches: list[Json]) -> None:
        for board_id, match in zip(batch, matches, strict=True):
            matched_ids = find(match, "matchedIssues")
            if find(match, "errors") or not isinstance(matched_ids, list):
                self.unreadable[board_id] = NotForUs(JiraRefused(Code.FILTER_UNREADABLE))
                continue
            self.board_ids.append(board_id)
            self.items += [{"boardId": board_id, "issueId": str(issue_id)} for issue_id in matched_ids]
