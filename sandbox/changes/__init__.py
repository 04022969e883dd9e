"""Everything that can happen on the site while an app watches: each kind changes the truth and tells of it."""

from __future__ import annotations

from sandbox.changes import (
    boards,
    containers,
    files,
    issues,
    names,
    people,
    planning,
    projects,
    relations,
    releases,
    talk,
)
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
    "unplan_issue": planning.unplan_issue,
    "rename_sprint": planning.rename_sprint,
    "delete_sprint": planning.delete_sprint,
    "delete_remote_link": relations.delete_remote_link,
    "add_attachment": files.add_attachment,
    "delete_attachment": files.delete_attachment,
    "set_versions": releases.set_versions,
    "set_components": releases.set_components,
    "create_version": releases.create_version,
    "rename_version": releases.rename_version,
    "release_version": releases.release_version,
    "archive_version": releases.archive_version,
    "move_version": releases.move_version,
    "merge_version": releases.merge_version,
    "delete_version": releases.delete_version,
    "create_component": releases.create_component,
    "rename_component": releases.rename_component,
    "delete_component": releases.delete_component,
    "create_board": boards.create_board,
    "rename_board": boards.rename_board,
    "configure_board": boards.configure_board,
    "delete_board": boards.delete_board,
    "create_project": projects.create_project,
    "rename_project": projects.rename_project,
    "archive_project": projects.archive_project,
    "restore_project": projects.restore_project,
    "trash_project": projects.trash_project,
    "untrash_project": projects.untrash_project,
    "delete_project": projects.delete_project,
    "create_status": names.create_status,
    "rename_status": names.rename_status,
    "recategorize_status": names.recategorize_status,
    "create_field": names.create_field,
    "rename_field": names.rename_field,
    "rename_issue_type": names.rename_issue_type,
    "rename_priority": names.rename_priority,
    "rename_resolution": names.rename_resolution,
    "rename_link_type": names.rename_link_type,
    "create_user": people.create_user,
    "rename_user": people.rename_user,
    "deactivate_user": people.deactivate_user,
    "delete_user": people.delete_user,
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
        now = desk.now()
        change = made(desk, asked)
    change.kind, change.made_at = kind, now
    return change


__all__ = ["EVERYDAY", "KINDS", "Change", "Desk", "apply"]
