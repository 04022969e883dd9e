"""Mutations of the site. Each kind changes the world and returns the webhook events that Jira would raise."""

from __future__ import annotations

from sandbox.changes import (
    attachments,
    boards,
    comments,
    configuration,
    issues,
    links,
    projects,
    releases,
    sprints,
    users,
    visibility,
    worklogs,
)
from sandbox.changes.editor import Change, Editor, Kind
from sandbox.shapes import JiraError, JsonObject

KINDS: dict[str, Kind] = {
    "create_issue": issues.create,
    "update_issue": issues.update,
    "assign_issue": issues.assign,
    "transition_issue": issues.transition,
    "delete_issue": issues.delete,
    "move_issue": issues.move,
    "archive_issue": visibility.archive,
    "restore_issue": visibility.restore,
    "hide_issue": visibility.hide,
    "reveal_issue": visibility.reveal,
    "lose_project": visibility.lose_project,
    "regain_project": visibility.regain_project,
    "add_comment": comments.add_comment,
    "edit_comment": comments.edit_comment,
    "delete_comment": comments.delete_comment,
    "add_worklog": worklogs.add_worklog,
    "edit_worklog": worklogs.edit_worklog,
    "delete_worklog": worklogs.delete_worklog,
    "link_issues": links.link,
    "unlink_issues": links.unlink,
    "add_remote_link": links.add_remote_link,
    "create_sprint": sprints.create_sprint,
    "start_sprint": sprints.start_sprint,
    "close_sprint": sprints.close_sprint,
    "plan_issue": sprints.plan_issue,
    "unplan_issue": sprints.unplan_issue,
    "rename_sprint": sprints.rename_sprint,
    "delete_sprint": sprints.delete_sprint,
    "delete_remote_link": links.delete_remote_link,
    "add_attachment": attachments.add_attachment,
    "delete_attachment": attachments.delete_attachment,
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
    "create_status": configuration.create_status,
    "rename_status": configuration.rename_status,
    "recategorize_status": configuration.recategorize_status,
    "create_field": configuration.create_field,
    "rename_field": configuration.rename_field,
    "rename_issue_type": configuration.rename_issue_type,
    "rename_priority": configuration.rename_priority,
    "rename_resolution": configuration.rename_resolution,
    "rename_link_type": configuration.rename_link_type,
    "create_user": users.create_user,
    "rename_user": users.rename_user,
    "deactivate_user": users.deactivate_user,
    "delete_user": users.delete_user,
}
"""The kinds of `POST /sandbox/mutate` and `Site.mutate`, by name."""

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
"""Kinds that `random` draws from; every visible issue can take them."""


def apply(editor: Editor, parameters: JsonObject) -> Change:
    """Make one change under the world's lock. The caller sends the events afterwards."""
    kind = str(parameters.get("kind", "random"))
    if kind == "random":
        kind = editor.chance.choice(EVERYDAY)
    make = KINDS.get(kind)
    if make is None:
        raise JiraError(400, f"unknown kind of change {kind!r}; known are {', '.join(KINDS)}")
    with editor.world.lock:
        now = editor.now()
        change = make(editor, parameters)
    change.kind, change.made_at = kind, now
    return change


__all__ = ["EVERYDAY", "KINDS", "Change", "Editor", "apply"]
