"""Comments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.changes.editor import Change, Desk, Event, abridged, updated, with_entry
from sandbox.shapes import ORIGIN, JsonObject

if TYPE_CHECKING:
    from sandbox.world import Issue


def add_comment(desk: Desk, asked: JsonObject) -> Change:
    """Comment on an issue with `body`."""
    issue, author, written, key = desk.issue(asked), desk.person(asked), desk.stamp(), desk.world.new_id()
    made: JsonObject = {"self": f"{ORIGIN}/rest/api/2/issue/{issue.id}/comment/{key}", "id": key, "author": author}
    made |= {"body": asked.get("body", "A comment from the sandbox."), "updateAuthor": author, "created": written}
    made |= {"updated": written, "jsdPublic": True}
    issue = desk.touched(issue, comments=(*issue.comments, made))
    return _spoken(issue, author, made, "comment_created", "issue_commented")


def edit_comment(desk: Desk, asked: JsonObject) -> Change:
    """Edit comment `comment` of an issue, or any."""
    issue, author = desk.issue(asked, having="comments"), desk.person(asked)
    before = desk.entry(issue.comments, asked, "comment")
    text = asked.get("body", str(before["body"]) + " (edited)")
    after = {**before, "body": text, "updateAuthor": author, "updated": desk.stamp()}
    issue = desk.touched(issue, comments=with_entry(issue.comments, after))
    return _spoken(issue, author, after, "comment_updated", "issue_comment_edited")


def delete_comment(desk: Desk, asked: JsonObject) -> Change:
    """Delete comment `comment` of an issue, or any. Leaves no history; only `updated` moves."""
    issue, author = desk.issue(asked, having="comments"), desk.person(asked)
    gone = desk.entry(issue.comments, asked, "comment")
    issue = desk.touched(issue, comments=tuple(each for each in issue.comments if each["id"] != gone["id"]))
    return _spoken(issue, author, gone, "comment_deleted", "issue_comment_deleted")


def _spoken(issue: Issue, author: JsonObject, comment: JsonObject, event: str, type_name: str) -> Change:
    """Raise both signals that Jira raises for one comment."""
    events = [
        Event(event, {"comment": comment, "issue": abridged(issue)}, issue),
        updated(issue, author, type_name, comment=comment),
    ]
    return Change("comment", comment["id"], issue.id, {"key": issue.key}, events)
