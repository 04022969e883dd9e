"""Worklogs and time tracking."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox.changes.editor import Change, Editor, Event, item, update_event, with_entry
from sandbox.shapes import ORIGIN, JsonObject

if TYPE_CHECKING:
    from sandbox.world import Entries, Issue

_HOUR_S = 3600


def add_worklog(editor: Editor, parameters: JsonObject) -> Change:
    """Log `seconds` of work on an issue."""
    issue, author, timestamp, key = (
        editor.issue(parameters),
        editor.person(parameters),
        editor.stamp(),
        editor.world.new_id(),
    )
    seconds = int(parameters.get("seconds", _HOUR_S * editor.chance.randint(1, 8)))
    worklog: JsonObject = {
        "self": f"{ORIGIN}/rest/api/2/issue/{issue.id}/worklog/{key}",
        "id": key,
        "issueId": issue.id,
        "author": author,
    }
    worklog |= {
        "updateAuthor": author,
        "created": timestamp,
        "updated": timestamp,
        "started": timestamp,
        "comment": parameters.get("comment", "work"),
    }
    worklog |= {"timeSpent": _duration(seconds), "timeSpentSeconds": seconds}
    return _save_worklogs(editor, issue, author, worklog, (*issue.worklogs, worklog), "worklog_created")


def edit_worklog(editor: Editor, parameters: JsonObject) -> Change:
    """Change worklog `worklog` of an issue, or a random one, to `seconds`."""
    issue, author = editor.issue(parameters, children="worklogs"), editor.person(parameters)
    before = editor.entry(issue.worklogs, parameters, "worklog")
    seconds = int(parameters.get("seconds", before["timeSpentSeconds"] + _HOUR_S))
    after = {
        **before,
        "updateAuthor": author,
        "updated": editor.stamp(),
        "timeSpent": _duration(seconds),
        "timeSpentSeconds": seconds,
    }
    return _save_worklogs(editor, issue, author, after, with_entry(issue.worklogs, after), "worklog_updated")


def delete_worklog(editor: Editor, parameters: JsonObject) -> Change:
    """Delete worklog `worklog` of an issue, or a random one; its id enters the feed of deleted worklogs."""
    issue, author = editor.issue(parameters, children="worklogs"), editor.person(parameters)
    worklog = editor.entry(issue.worklogs, parameters, "worklog")
    editor.world.deleted_worklogs.append((str(worklog["id"]), editor.now()))
    editor.world.touch()
    remaining_worklogs = tuple(entry for entry in issue.worklogs if entry["id"] != worklog["id"])
    return _save_worklogs(editor, issue, author, worklog, remaining_worklogs, "worklog_deleted")


def _save_worklogs(
    editor: Editor, issue: Issue, author: JsonObject, worklog: JsonObject, worklogs: Entries, event: str
) -> Change:
    """Save worklogs, time spent and a history. The worklog event itself carries neither issue nor user."""
    before = sum(entry["timeSpentSeconds"] for entry in issue.worklogs)
    after = sum(entry["timeSpentSeconds"] for entry in worklogs)
    items = [item("timespent", (str(before), str(before)), (str(after), str(after)))]
    if event == "worklog_deleted":
        items.append(item("WorklogId", (worklog["id"], worklog["id"]), (None, None)))
    time_tracking = {"timeSpent": _duration(after), "timeSpentSeconds": after}
    issue = replace(issue, worklogs=worklogs)
    issue, history = editor.save(issue, author, items, timetracking=time_tracking, timespent=after)
    bodies = {"worklog": worklog, "isFromIssueLimitTransformation": False}
    events = [Event(event, bodies, issue), update_event(issue, author, "issue_updated", history)]
    return Change("worklog", worklog["id"], issue.id, {"key": issue.key, "changelog_id": history["id"]}, events)


def _duration(seconds: int) -> str:
    hours, remainder = divmod(seconds, _HOUR_S)
    return f"{hours}h {remainder // 60}m" if remainder else f"{hours}h"
