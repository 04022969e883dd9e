"""Comments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.changes.editor import Change, Editor, Event, short_issue, update_event, with_entry
from sandbox.shapes import ORIGIN, JsonObject

if TYPE_CHECKING:
    from sandbox.world import Issue


def add_comment(editor: Editor, parameters: JsonObject) -> Change:
    """Add a comment with text `body` to an issue."""
    issue, author, timestamp, key = (
        editor.issue(parameters),
        editor.person(parameters),
        editor.stamp(),
        editor.world.new_id(),
    )
    comment: JsonObject = {"self": f"{ORIGIN}/rest/api/2/issue/{issue.id}/comment/{key}", "id": key, "author": author}
    comment |= {
        "body": parameters.get("body", "A comment from the sandbox."),
        "updateAuthor": author,
        "created": timestamp,
    }
    comment |= {"updated": timestamp, "jsdPublic": True}
    issue = editor.touch(issue, comments=(*issue.comments, comment))
    return _comment_change(issue, author, comment, "comment_created", "issue_commented")


def edit_comment(editor: Editor, parameters: JsonObject) -> Change:
    """Edit comment `comment` of an issue, or a random one."""
    issue, author = editor.issue(parameters, children="comments"), editor.person(parameters)
    before = editor.entry(issue.comments, parameters, "comment")
    text = parameters.get("body", str(before["body"]) + " (edited)")
    after = {**before, "body": text, "updateAuthor": author, "updated": editor.stamp()}
    issue = editor.touch(issue, comments=with_entry(issue.comments, after))
    return _comment_change(issue, author, after, "comment_updated", "issue_comment_edited")


def delete_comment(editor: Editor, parameters: JsonObject) -> Change:
    """Delete comment `comment` of an issue, or a random one. Leaves no history; only `updated` moves."""
    issue, author = editor.issue(parameters, children="comments"), editor.person(parameters)
    comment = editor.entry(issue.comments, parameters, "comment")
    issue = editor.touch(issue, comments=tuple(entry for entry in issue.comments if entry["id"] != comment["id"]))
    return _comment_change(issue, author, comment, "comment_deleted", "issue_comment_deleted")


def _comment_change(issue: Issue, author: JsonObject, comment: JsonObject, event: str, type_name: str) -> Change:
    """Return the change with both events that Jira raises for one comment."""
    events = [
        Event(event, {"comment": comment, "issue": short_issue(issue)}, issue),
        update_event(issue, author, type_name, comment=comment),
    ]
    return Change("comment", comment["id"], issue.id, {"key": issue.key}, events)
