"""Attachments."""

from __future__ import annotations

from sandbox.changes.editor import Change, Desk, Event, edited, item
from sandbox.shapes import ORIGIN, JsonObject, NotNowError


def add_attachment(desk: Desk, asked: JsonObject) -> Change:
    """Attach a file named `filename`; raises `attachment_created`, which names no issue, and `jira:issue_updated`."""
    issue, author, key = desk.issue(asked), desk.person(asked), desk.world.new_id()
    name = str(asked.get("filename", f"note {key}.txt"))
    made: JsonObject = {"self": f"{ORIGIN}/rest/api/2/attachment/{key}", "id": key, "filename": name, "author": author}
    made |= {"created": desk.stamp(), "size": int(asked.get("size", 4096)), "mimeType": "text/plain"}
    made["content"] = f"{ORIGIN}/rest/api/2/attachment/content/{key}"
    kept = [*(issue.fields.get("attachment") or ()), made]
    change = edited(desk, issue, author, [item("Attachment", (None, None), (key, name), "attachment")], attachment=kept)
    return _told(change, made, "attachment_created")


def delete_attachment(desk: Desk, asked: JsonObject) -> Change:
    """Delete attachment `attachment` of an issue, or any."""
    holders = [each for each in desk.world.searchable() if each.fields.get("attachment")]
    issue = desk.issue(asked) if "issue" in asked else desk.one_of(holders, "issue with an attachment")
    before = tuple(issue.fields.get("attachment") or ())
    if not before:
        raise NotNowError("the issue has no attachment")
    gone, author = desk.entry(before, asked, "attachment"), desk.person(asked)
    kept = [each for each in before if each["id"] != gone["id"]]
    entry = item("Attachment", (gone["id"], gone["filename"]), (None, None), "attachment")
    return _told(edited(desk, issue, author, [entry], attachment=kept), gone, "attachment_deleted")


def _told(change: Change, attachment: JsonObject, event: str) -> Change:
    change.entity, change.id = "attachment", str(attachment["id"])
    change.events.insert(0, Event(event, {"attachment": attachment}))
    return change
