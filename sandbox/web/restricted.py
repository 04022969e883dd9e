"""Endpoints closed to a Connect app with scope READ. Most are open to people with an API token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response

from sandbox import rendering
from sandbox.shapes import JiraError, JsonObject
from sandbox.web.callers import BROWSE_USERS, accessible_to_connect, needs_permission, visible_issue, world
from sandbox.web.exchange import (
    API,
    IDENTITY,
    json_body,
    names,
    number,
    page,
    reply,
    site,
)

if TYPE_CHECKING:
    from sandbox.world import Issue

routes = Blueprint("restricted", __name__)
_MAX_ISSUES, _MAX_CHANGELOG_PAGE = 100, 10_000
_MAX_FIELDS = 100
_LONG_LISTS = frozenset({"comment", "worklog", "attachment"})
_HEAVY = frozenset({"changelog", "editmeta", "operations", "renderedFields", "transitions", "versionedRepresentations"})
_FETCH = frozenset({"issueIdsOrKeys", "fields", "expand", "properties", "fieldsByKeys"})
_CHANGELOGS = frozenset({"issueIdsOrKeys", "fieldIds", "maxResults", "nextPageToken"})


@routes.get(f"{API}/users")
@routes.get(f"{API}/users/search", endpoint="users_search")
def users(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return every user, inactive ones included."""
    accessible_to_connect("INACCESSIBLE")
    needs_permission(BROWSE_USERS)
    start, size = number("startAt", 0), min(number("maxResults", 50), 1000)
    members = list(site().world.catalogue.users.values())[start : start + size]
    return reply(members, objects=len(members), cost=IDENTITY)


@routes.get(f"{API}/statuses")
@routes.get(f"{API}/statuses/search", endpoint="statuses_search")
def statuses(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return statuses by page."""
    accessible_to_connect("INACCESSIBLE")
    return reply(page(list(site().world.catalogue.statuses.values()), default=200, cap=200))


@routes.get(f"{API}/field/search")
def fields(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return fields by page."""
    accessible_to_connect("INACCESSIBLE")
    return reply(page(list(site().world.catalogue.fields.values()), default=50, cap=50))


@routes.post(f"{API}/issue/bulkfetch")
def bulk_fetch(version: str) -> Response:
    """Return issues in order of id, without invisible ones."""
    accessible_to_connect("WRITE")
    body = json_body()
    ids_or_keys, limit = body.get("issueIdsOrKeys"), _most_issues(body)
    if set(body) - _FETCH or not isinstance(ids_or_keys, list) or not 1 <= len(ids_or_keys) <= limit:
        raise JiraError(400, f"Between 1 and {limit} issues can be fetched.")
    selection = rendering.Selection.of(body.get("fields") or [], "*navigable")
    expand = frozenset(body.get("expand") or [])
    unfetchable_ids = set(site().options.unfetchable)
    issues = _visible_issues(ids_or_keys)
    bodies = [
        rendering.issue(issue, selection, expand, rendering.SEARCH, version)
        for issue in issues
        if issue.id not in unfetchable_ids
    ]
    errors = [
        {"id": issue.id, "errorMessage": "The issue can't be read now."}
        for issue in issues
        if issue.id in unfetchable_ids
    ]
    return reply({"issues": bodies, "issueErrors": errors}, objects=len(bodies))


def _most_issues(body: JsonObject) -> int:
    """The limit of a request: 1,000 for a few named fields without long lists, 100 otherwise."""
    fields, expand = body.get("fields") or [], body.get("expand") or []
    has_lists = not fields or any(name.startswith("*") or name in _LONG_LISTS for name in map(str, fields))
    is_light = not has_lists and len(fields) <= _MAX_FIELDS and not set(map(str, expand)) & _HEAVY
    return site().options.most_fetched if is_light else _MAX_ISSUES


def _visible_issues(ids_or_keys: list[object]) -> list[Issue]:
    visible_world = world()
    matches = {
        issue.id: issue
        for key in ids_or_keys
        if (issue := visible_world.find(str(key))) is not None and visible_world.may_see(issue)
    }
    return sorted(matches.values(), key=lambda issue: int(issue.id))


@routes.post(f"{API}/changelog/bulkfetch")
def bulk_changelogs(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return histories of many issues, oldest first across all of them."""
    accessible_to_connect("INACCESSIBLE")
    body = json_body()
    ids_or_keys = body.get("issueIdsOrKeys")
    if set(body) - _CHANGELOGS or not isinstance(ids_or_keys, list) or not ids_or_keys:
        raise JiraError(400, "Between 1 and 1000 issues are needed.")
    field_ids = set(body.get("fieldIds") or [])
    pairs = [
        (issue.id, entry)
        for issue in _visible_issues(ids_or_keys)
        for entry in issue.histories
        if not field_ids or any(item.get("fieldId") in field_ids for item in entry["items"])
    ]
    pairs.sort(key=lambda pair: (pair[1]["created"], int(pair[0])))
    token = str(body.get("nextPageToken") or "0")
    start = int(token) if token.isdigit() else 0
    size = min(int(body.get("maxResults") or 1000), _MAX_CHANGELOG_PAGE)
    groups: dict[str, list[JsonObject]] = {}
    for issue_id, entry in pairs[start : start + size]:
        groups.setdefault(issue_id, []).append(entry)
    answer: JsonObject = {
        "issueChangeLogs": [{"issueId": key, "changeHistories": entries} for key, entries in groups.items()]
    }
    if start + size < len(pairs):
        answer["nextPageToken"] = str(start + size)
    return reply(answer)


@routes.post(f"{API}/issue/<key>/changelog/list")
def changelogs_by_id(version: str, key: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return histories by id."""
    accessible_to_connect("WRITE")
    history_ids = {str(history_id) for history_id in json_body().get("changelogIds") or []}
    return reply(
        page(
            [history for history in visible_issue(key).histories if history["id"] in history_ids],
            default=1000,
            cap=1000,
        )
    )


@routes.get(f"{API}/configuration")
def configuration(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return the features of the site; time tracking is always on."""
    accessible_to_connect("READ")
    return reply(
        {
            "timeTrackingEnabled": True,
            "issueLinkingEnabled": True,
            "attachmentsEnabled": True,
            "expand": ",".join(names("expand")),
        }
    )
