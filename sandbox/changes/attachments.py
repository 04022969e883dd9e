"""Attachments."""

from __future__ import annotations

from sandbox.changes.editor import Change, Editor, Event, edit, item
from sandbox.shapes import ORIGIN, JsonObject, NotNowError


def add_attachment(editor: Editor, parameters: JsonObject) -> Change:
    """Attach a file named `filename`. Raises `attachment_created`, without an issue, and `jira:issue_updated`."""
    issue, author, key = editor.issue(parameters), editor.person(parameters), editor.world.new_id()
    name = str(parameters.get("filename", f"note {key}.txt"))
    attachment: JsonObject = {
        "self": f"{ORIGIN}/rest/api/2/attachment/{key}",
        "id": key,
        "filename": name,
        "author": author,
    }
    attachment |= {"created": editor.stamp(), "size": int(parameters.get("size", 4096)), "mimeType": "text/plain"}
    attachment["content"] = f"{ORIGIN}/rest/api/2/attachment/content/{key}"
    attachments = [*(issue.fields.get("attachment") or ()), attachment]
    change = edit(
        editor, issue, author, [item("Attachment", (None, None), (key, name), "attachment")], attachment=attachments
    )
    return _change_of(change, attachment, "attachment_created")


def delete_attachment(editor: Editor, parameters: JsonObject) -> Change:
    """Delete attachment `attachment` of an issue, or a random one."""
    holders = [issue for issue in editor.world.searchable() if issue.fields.get("attachment")]
    issue = editor.issue(parameters) if "issue" in parameters else editor.pick(holders, "issue with an attachment")
    before = tuple(issue.fields.get("attachment") or ())
    if not before:
        raise NotNowError("the issue has no attachment")
    attachment, author = editor.entry(before, parameters, "attachment"), editor.person(parameters)
    remaining_attachments = [entry for entry in before if entry["id"] != attachment["id"]]
    entry = item("Attachment", (attachment["id"], attachment["filename"]), (None, None), "attachment")
    return _change_of(
        edit(editor, issue, author, [entry], attachment=remaining_attachments), attachment, "attachment_deleted"
    )


def _change_of(change: Change, attachment: JsonObject, event: str) -> Change:
    change.entity, change.id = "attachment", str(attachment["id"])
    change.events.insert(0, Event(event, {"attachment": attachment}))
    return change
