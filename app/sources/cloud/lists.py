"""Lists and single objects of Jira Cloud other than issues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app import clock, logs
from app.catalog.extract import id_of
from app.catalog.json_value import Json, find
from app.conditions import Code
from app.errors import JiraGone, JiraNonsense
from app.sources.answers import Matches, Objects
from app.sources.cloud.pages import fetch, list_in
from app.sources.cloud.rest import path_of
from app.sources.outcomes import attempt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from msgspec import Raw

    from app.catalog.language import Entity
    from app.sources.cloud.rest import CloudSession
    from app.sources.outcomes import Finding
    from app.sources.paging import Page, Place

log = logs.get(__name__)

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


def visible_projects(site: CloudSession, project_ids: Sequence[str]) -> set[str]:
    """The projects in sight, archived and trashed ones included. Raises a JiraFailure."""
    visible_ids: set[str] = set()
    for start in range(0, len(project_ids), _PROJECT_BATCH):
        query: dict[str, str | int | Sequence[str | int]] = {
            "id": list(project_ids[start : start + _PROJECT_BATCH]),
            "status": ["live", "archived", "deleted"],
            "maxResults": _PROJECT_BATCH,
        }
        path = path_of("project/search")
        visible_ids |= {str(find(value, "id")) for value in list_in(site.get(path, query).body, "values", path)}
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
    return attempt(lambda: _memberships(site, filters, issue_ids), names_object=False)


def _memberships(site: CloudSession, filters: Mapping[str, str], issue_ids: Sequence[str]) -> Matches:
    sent_at, readable_boards = clock.now(), list[str]()
    items: list[Json | Raw] = []
    boards = list(filters)
    for start in range(0, len(boards), FILTER_BATCH):
        batch = boards[start : start + FILTER_BATCH]
        body: dict[str, Json] = {
            "jqls": [f"filter = {filters[board_id]}" for board_id in batch],
            "issueIds": [int(issue_id) for issue_id in issue_ids if issue_id.isdecimal()],
        }
        matches = find(site.post(path_of("jql/match"), body).body, "matches")
        if not isinstance(matches, list) or len(matches) != len(batch):
            raise JiraNonsense(Code.OTHER_FILTERS)
        for board_id, match in zip(batch, matches, strict=True):
            matched_ids = find(match, "matchedIssues")
            if find(match, "errors") or not isinstance(matched_ids, list):
                log.warning("board's filter not readable", board=board_id)
                continue
            readable_boards.append(board_id)
            items += [{"boardId": board_id, "issueId": str(issue_id)} for issue_id in matched_ids]
    return Matches(items, readable_boards, issue_ids, sent_at)
