"""Everything that can happen on the site while an app watches: each kind changes the truth and tells of it."""

from __future__ import annotations

from sandbox.changes import containers, issues, planning, relations, talk
from sandbox.changes.desk import Change, Desk, Kind
from sandbox.shapes import JiraError, JsonObject

KINDS: dict[str, Kind] = {
    "create_issue": issues.create,
    "update_issue": issues.update,
    "assign_issue": issues.assign,
    "transition_issue": issues.transition,
    "delete_issue": issues.delete,
    "move_issue": containers.move,
    "archive_issue": containers.archive,
    "restore_issue": containers.restore,
    "hide_issue": containers.hide,
    "reveal_issue": containers.reveal,
    "lose_project": containers.lose_project,
    "regain_project": containers.regain_project,
    "add_comment": talk.add_comment,
    "edit_comment": talk.edit_comment,
    "delete_comment": talk.delete_comment,
    "add_worklog": talk.add_worklog,
    "edit_worklog": talk.edit_worklog,
    "delete_worklog": talk.delete_worklog,
    "link_issues": relations.link,
    "unlink_issues": relations.unlink,
    "add_remote_link": relations.add_remote_link,
    "create_sprint": planning.create_sprint,
    "start_sprint": planning.start_sprint,
    "close_sprint": planning.close_sprint,
    "plan_issue": planning.plan_issue,
}
"""What `POST /sandbox/mutate` and `Site.mutate` know, by name."""

EVERYDAY = (
    "create_issue",
    "update_issue",
    "assign_issue",
    "transition_issue",
    "add_comment",
    "edit_comment",
    "add_worklog",
    "edit_worklog",
    "link_issues",
)
"""What `random` draws from: changes that any visible issue can take."""


def apply(desk: Desk, asked: JsonObject) -> Change:
    """Make one change; the caller sends its events after the lock is free."""
    kind = str(asked.get("kind", "random"))
    if kind == "random":
        kind = desk.chance.choice(EVERYDAY)
    made = KINDS.get(kind)
    if made is None:
        raise JiraError(400, f"unknown kind of change {kind!r}; known are {', '.join(KINDS)}")
    with desk.world.lock:
        change = made(desk, asked)
    change.kind = kind
    return change


__all__ = ["EVERYDAY", "KINDS", "Change", "Desk", "apply"]
