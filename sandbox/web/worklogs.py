"""Worklogs of one issue, worklogs by id, and the feeds of updated and deleted worklogs."""

from __future__ import annotations

from flask import Blueprint, Response, request

from sandbox import rendering
from sandbox.moments import SECOND, parse_ms
from sandbox.shapes import ORIGIN, JiraError, JsonObject
from sandbox.web.callers import visible_issue, world
from sandbox.web.exchange import API, json_body, number, page, reply, site

routes = Blueprint("worklogs", __name__)
_FEED_PAGE, _MAX_IDS, _MAX_PAGE = 1000, 1000, 5000
_END_OF_TIME = 2**62


@routes.get(f"{API}/issue/<key>/worklog")
def worklogs(version: str, key: str) -> Response:
    """Return worklogs; the array is named `worklogs`."""
    if not site().options.time_tracking:
        raise JiraError(404, "Time Tracking is not enabled for this instance.")
    after, before = number("startedAfter", -1, lowest=-_END_OF_TIME), number("startedBefore", _END_OF_TIME)
    entries = [worklog for worklog in visible_issue(key).worklogs if after <= parse_ms(worklog["started"]) < before]
    cut = page(entries, default=_MAX_PAGE, cap=_MAX_PAGE, name="worklogs", links=False)
    cut["worklogs"] = rendering.bodies(cut["worklogs"], "comment", version)
    return reply(cut)


@routes.get(f"{API}/issue/<key>/worklog/<worklog_id>")
def worklog(version: str, key: str, worklog_id: str) -> Response:
    """Return one worklog."""
    match = next((candidate for candidate in visible_issue(key).worklogs if candidate["id"] == worklog_id), None)
    if match is None:
        raise JiraError(404, f"Cannot find worklog with id: '{worklog_id}'.")
    return reply(rendering.bodies([match], "comment", version)[0])


@routes.get(f"{API}/worklog/updated")
def updated(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return ids of worklogs updated after `since`, without the last minute."""
    visible_world = world()
    visible = [
        issue for issue in list(visible_world.issues.values()) if issue.worklogs and visible_world.may_see(issue)
    ]
    return reply(
        _feed([(str(entry["id"]), parse_ms(entry["updated"])) for issue in visible for entry in issue.worklogs])
    )


@routes.get(f"{API}/worklog/deleted")
def deleted(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return ids of worklogs deleted after `since`, without the last minute."""
    return reply(_feed(list(site().world.deleted_worklogs)))


def _feed(entries: list[tuple[str, int]]) -> JsonObject:
    """Return a page of about 1000 entries; entries of one millisecond stay together."""
    since = number("since", 0)
    horizon = site().clock() - site().options.worklog_feed_delay_s * SECOND
    sorted_entries = sorted(
        (entry for entry in entries if since < entry[1] <= horizon), key=lambda entry: (entry[1], int(entry[0]))
    )
    end = min(_FEED_PAGE, len(sorted_entries))
    while 0 < end < len(sorted_entries) and sorted_entries[end][1] == sorted_entries[end - 1][1]:
        end += 1
    cut = sorted_entries[:end]
    until = cut[-1][1] if cut else since
    url = f"{ORIGIN}{request.path}"
    values = [{"worklogId": int(key), "updatedTime": moment, "properties": []} for key, moment in cut]
    body: JsonObject = {
        "values": values,
        "since": since,
        "until": until,
        "self": f"{url}?since={since}",
        "lastPage": end >= len(sorted_entries),
    }
    return body if body["lastPage"] else {**body, "nextPage": f"{url}?since={until}"}


@routes.post(f"{API}/worklog/list")
def worklogs_by_id(version: str) -> Response:
    """Return worklogs by id, without those of invisible issues."""
    ids = json_body().get("ids")
    if not isinstance(ids, list) or not 1 <= len(ids) <= _MAX_IDS:
        raise JiraError(400, f"Between 1 and {_MAX_IDS} worklog ids are needed.")
    worklog_ids = {str(worklog_id) for worklog_id in ids}
    visible_world = world()
    matches = [
        entry
        for issue in list(visible_world.issues.values())
        if visible_world.may_see(issue)
        for entry in issue.worklogs
        if entry["id"] in worklog_ids
    ]
    return reply(rendering.bodies(matches, "comment", version))
