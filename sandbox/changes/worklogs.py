"""Worklogs and time tracking."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox.changes.editor import Change, Desk, Event, item, updated, with_entry
from sandbox.shapes import ORIGIN, JsonObject

if TYPE_CHECKING:
    from sandbox.world import Entries, Issue

_HOUR_S = 3600


def add_worklog(desk: Desk, asked: JsonObject) -> Change:
    """Log `seconds` of work on an issue."""
    issue, author, written, key = desk.issue(asked), desk.person(asked), desk.stamp(), desk.world.new_id()
    seconds = int(asked.get("seconds", _HOUR_S * desk.chance.randint(1, 8)))
    made: JsonObject = {
        "self": f"{ORIGIN}/rest/api/2/issue/{issue.id}/worklog/{key}",
        "id": key,
        "issueId": issue.id,
        "author": author,
    }
    made |= {
        "updateAuthor": author,
        "created": written,
        "updated": written,
        "started": written,
        "comment": asked.get("comment", "work"),
    }
    made |= {"timeSpent": _spent(seconds), "timeSpentSeconds": seconds}
    return _logged(desk, issue, author, made, (*issue.worklogs, made), "worklog_created")


def edit_worklog(desk: Desk, asked: JsonObject) -> Change:
    """Change worklog `worklog` of an issue, or any, to `seconds`."""
    issue, author = desk.issue(asked, having="worklogs"), desk.person(asked)
    before = desk.entry(issue.worklogs, asked, "worklog")
    seconds = int(asked.get("seconds", before["timeSpentSeconds"] + _HOUR_S))
    after = {
        **before,
        "updateAuthor": author,
        "updated": desk.stamp(),
        "timeSpent": _spent(seconds),
        "timeSpentSeconds": seconds,
    }
    return _logged(desk, issue, author, after, with_entry(issue.worklogs, after), "worklog_updated")


def delete_worklog(desk: Desk, asked: JsonObject) -> Change:
    """Delete worklog `worklog` of an issue, or any; it enters the deleted feed."""
    issue, author = desk.issue(asked, having="worklogs"), desk.person(asked)
    gone = desk.entry(issue.worklogs, asked, "worklog")
    desk.world.deleted_worklogs.append((str(gone["id"]), desk.now()))
    desk.world.touch()
    kept = tuple(each for each in issue.worklogs if each["id"] != gone["id"])
    return _logged(desk, issue, author, gone, kept, "worklog_deleted")


def _logged(desk: Desk, issue: Issue, author: JsonObject, worklog: JsonObject, kept: Entries, event: str) -> Change:
    """Put the worklogs, the spent time and its history; the worklog event itself carries no issue and no user."""
    before = sum(each["timeSpentSeconds"] for each in issue.worklogs)
    after = sum(each["timeSpentSeconds"] for each in kept)
    items = [item("timespent", (str(before), str(before)), (str(after), str(after)))]
    if event == "worklog_deleted":
        items.append(item("WorklogId", (worklog["id"], worklog["id"]), (None, None)))
    tracked = {"timeSpent": _spent(after), "timeSpentSeconds": after}
    issue = replace(issue, worklogs=kept)
    issue, history = desk.changed(issue, author, items, timetracking=tracked, timespent=after)
    bodies = {"worklog": worklog, "isFromIssueLimitTransformation": False}
    events = [Event(event, bodies, issue), updated(issue, author, "issue_updated", history)]
    return Change("worklog", worklog["id"], issue.id, {"key": issue.key, "changelog_id": history["id"]}, events)


def _spent(seconds: int) -> str:
    hours, rest = divmod(seconds, _HOUR_S)
    return f"{hours}h {rest // 60}m" if rest else f"{hours}h"
