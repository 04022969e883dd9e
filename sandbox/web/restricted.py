"""What Connect keeps from an app that may only read. People with an API token may use most of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response

from sandbox import rendering
from sandbox.shapes import JiraError, JsonObject
from sandbox.web.exchange import (
    API,
    IDENTITY,
    accessible_to_connect,
    json_body,
    names,
    number,
    page,
    reply,
    site,
    visible_issue,
)

if TYPE_CHECKING:
    from sandbox.world import Issue

routes = Blueprint("restricted", __name__)
_MAX_FETCHED, _MAX_CHANGELOG_PAGE = 100, 10_000
_FETCH = frozenset({"issueIdsOrKeys", "fields", "expand", "properties", "fieldsByKeys"})
_CHANGELOGS = frozenset({"issueIdsOrKeys", "fieldIds", "maxResults", "nextPageToken"})


@routes.get(f"{API}/users")
@routes.get(f"{API}/users/search", endpoint="users_search")
def users(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return every user, inactive ones too."""
    accessible_to_connect("INACCESSIBLE")
    start, size = number("startAt", 0), min(number("maxResults", 50), 1000)
    found = list(site().world.catalogue.users.values())[start : start + size]
    return reply(found, objects=len(found), cost=IDENTITY)


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
    """Return up to 100 issues by id, ascending; what cannot be seen is silently absent."""
    accessible_to_connect("WRITE")
    body = json_body()
    asked = body.get("issueIdsOrKeys")
    if set(body) - _FETCH or not isinstance(asked, list) or not 1 <= len(asked) <= _MAX_FETCHED:
        raise JiraError(400, f"Between 1 and {_MAX_FETCHED} issues can be fetched.")
    wanted = rendering.Selection.of(body.get("fields") or [], "*navigable")
    expand = frozenset(body.get("expand") or [])
    found = [rendering.issue(each, wanted, expand, rendering.SEARCH, version) for each in _found(asked)]
    return reply({"issues": found, "issueErrors": []}, objects=len(found))


def _found(asked: list[object]) -> list[Issue]:
    world = site().world
    found = {each.id: each for key in asked if (each := world.find(str(key))) is not None and world.may_see(each)}
    return sorted(found.values(), key=lambda each: int(each.id))


@routes.post(f"{API}/changelog/bulkfetch")
def bulk_changelogs(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return histories of many issues, oldest first over all of them."""
    accessible_to_connect("INACCESSIBLE")
    body = json_body()
    asked = body.get("issueIdsOrKeys")
    if set(body) - _CHANGELOGS or not isinstance(asked, list) or not asked:
        raise JiraError(400, "Between 1 and 1000 issues are needed.")
    wanted = set(body.get("fieldIds") or [])
    every = [
        (each.id, entry)
        for each in _found(asked)
        for entry in each.histories
        if not wanted or any(item.get("fieldId") in wanted for item in entry["items"])
    ]
    every.sort(key=lambda each: (each[1]["created"], int(each[0])))
    token = str(body.get("nextPageToken") or "0")
    start = int(token) if token.isdigit() else 0
    size = min(int(body.get("maxResults") or 1000), _MAX_CHANGELOG_PAGE)
    grouped: dict[str, list[JsonObject]] = {}
    for issue_id, entry in every[start : start + size]:
        grouped.setdefault(issue_id, []).append(entry)
    made: JsonObject = {
        "issueChangeLogs": [{"issueId": key, "changeHistories": entries} for key, entries in grouped.items()]
    }
    if start + size < len(every):
        made["nextPageToken"] = str(start + size)
    return reply(made)


@routes.post(f"{API}/issue/<key>/changelog/list")
def listed_changelogs(version: str, key: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return histories by id."""
    accessible_to_connect("WRITE")
    wanted = {str(each) for each in json_body().get("changelogIds") or []}
    return reply(page([each for each in visible_issue(key).histories if each["id"] in wanted], default=1000, cap=1000))


@routes.get(f"{API}/configuration")
def configuration(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Tell which features are on; time tracking always is."""
    accessible_to_connect("READ")
    return reply(
        {
            "timeTrackingEnabled": True,
            "issueLinkingEnabled": True,
            "attachmentsEnabled": True,
            "expand": ",".join(names("expand")),
        }
    )
