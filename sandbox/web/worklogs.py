"""Worklogs: of one issue, by id, and the feeds of what changed on the whole site."""

from __future__ import annotations

from flask import Blueprint, Response, request

from sandbox import rendering
from sandbox.moments import SECOND, parse_ms
from sandbox.shapes import ORIGIN, JiraError, JsonObject
from sandbox.web.exchange import API, json_body, number, page, reply, site, visible_issue

routes = Blueprint("worklogs", __name__)
_FEED_PAGE, _MAX_LISTED, _MAX_PAGE = 1000, 1000, 5000
_FAR = 2**62


@routes.get(f"{API}/issue/<key>/worklog")
def worklogs(version: str, key: str) -> Response:
    """Return worklogs; the array is named `worklogs`."""
    after, before = number("startedAfter", -1, lowest=-_FAR), number("startedBefore", _FAR)
    entries = [each for each in visible_issue(key).worklogs if after <= parse_ms(each["started"]) < before]
    cut = page(entries, default=_MAX_PAGE, cap=_MAX_PAGE, name="worklogs", links=False)
    cut["worklogs"] = rendering.bodies(cut["worklogs"], "comment", version)
    return reply(cut)


@routes.get(f"{API}/issue/<key>/worklog/<worklog_id>")
def worklog(version: str, key: str, worklog_id: str) -> Response:
    """Return one worklog."""
    found = next((each for each in visible_issue(key).worklogs if each["id"] == worklog_id), None)
    if found is None:
        raise JiraError(404, f"Cannot find worklog with id: '{worklog_id}'.")
    return reply(rendering.bodies([found], "comment", version)[0])


@routes.get(f"{API}/worklog/updated")
def updated(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return ids of worklogs changed since a moment, without the last minute."""
    world = site().world
    visible = [each for each in list(world.issues.values()) if each.worklogs and world.may_see(each)]
    return reply(_feed([(str(entry["id"]), parse_ms(entry["updated"])) for each in visible for entry in each.worklogs]))


@routes.get(f"{API}/worklog/deleted")
def deleted(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return ids of worklogs deleted since a moment, without the last minute."""
    return reply(_feed(list(site().world.deleted_worklogs)))


def _feed(entries: list[tuple[str, int]]) -> JsonObject:
    """Cut a feed at 1000, but never between entries of the same millisecond."""
    since = number("since", 0)
    horizon = site().clock() - site().options.worklog_feed_delay_s * SECOND
    ordered = sorted(
        (entry for entry in entries if since < entry[1] <= horizon), key=lambda entry: (entry[1], int(entry[0]))
    )
    end = min(_FEED_PAGE, len(ordered))
    while 0 < end < len(ordered) and ordered[end][1] == ordered[end - 1][1]:
        end += 1
    cut = ordered[:end]
    until = cut[-1][1] if cut else since
    here = f"{ORIGIN}{request.path}"
    values = [{"worklogId": int(key), "updatedTime": moment, "properties": []} for key, moment in cut]
    made: JsonObject = {
        "values": values,
        "since": since,
        "until": until,
        "self": f"{here}?since={since}",
        "lastPage": end >= len(ordered),
    }
    return made if made["lastPage"] else {**made, "nextPage": f"{here}?since={until}"}


@routes.post(f"{API}/worklog/list")
def listed(version: str) -> Response:
    """Return worklogs by id; those of issues out of sight are left out."""
    ids = json_body().get("ids")
    if not isinstance(ids, list) or not 1 <= len(ids) <= _MAX_LISTED:
        raise JiraError(400, f"Between 1 and {_MAX_LISTED} worklog ids are needed.")
    wanted = {str(each) for each in ids}
    world = site().world
    found = [
        entry
        for each in list(world.issues.values())
        if world.may_see(each)
        for entry in each.worklogs
        if entry["id"] in wanted
    ]
    return reply(rendering.bodies(found, "comment", version))
