"""Projects: created, renamed, archived, trashed, deleted. Their issues raise no events of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox.changes import copies
from sandbox.changes.editor import EMBEDDED_PROJECT, Change, Editor, Event
from sandbox.changes.links import remove_references

if TYPE_CHECKING:
    from sandbox.shapes import JsonObject
    from sandbox.world import Issue


def create_project(editor: Editor, parameters: JsonObject) -> Change:
    """Create an empty project with key `key`."""
    projects = editor.world.catalogue.projects
    project_id = str(1 + max(int(key) for key in projects))
    pattern = next(candidate for candidate in projects.values() if not candidate.get("simplified"))
    key = str(parameters.get("key", f"NEW{project_id}"))
    project = {name: value for name, value in pattern.items() if name not in {"archived", "deleted", "projectKeys"}}
    project |= {
        "id": project_id,
        "key": key,
        "name": parameters.get("name", f"Project {project_id}"),
        "self": _self(pattern, project_id),
    }
    projects[project_id] = project
    editor.world.touch()
    return _change_of(project, "project_created")


def _self(pattern: JsonObject, project_id: str) -> str:
    return f"{pattern['self'].rsplit('/', 1)[0]}/{project_id}"


def rename_project(editor: Editor, parameters: JsonObject) -> Change:
    """Rename project `project`, or a random one, to `name`; a new `key` re-keys its issues without moving `updated`."""
    before = editor.project(parameters)
    after = {**before, "name": editor.new_name(parameters, before["name"])}
    if "key" in parameters:
        after |= {"key": str(parameters["key"]), "projectKeys": [str(parameters["key"]), *keys_of(before)]}
    editor.world.catalogue.projects[before["id"]] = after
    new_keys: dict[str, tuple[str, str]] = {}
    for issue in [editor.world.issues[issue_id] for issue_id in editor.world.by_project.get(before["id"], ())]:
        renamed_issue = _under(issue, after)
        new_keys |= {issue.id: (issue.key, renamed_issue.key)} if issue.key != renamed_issue.key else {}
        editor.world.put(renamed_issue)
    if new_keys:
        copies.renew(editor, lambda issue: copies.replace_keys(issue, new_keys))
    _relabel_boards(editor, after)
    editor.world.touch()
    return _change_of(after, "project_updated")


def _under(issue: Issue, project: JsonObject) -> Issue:
    """Return the issue with its project's current name and key."""
    project_copy = {name: project[name] for name in EMBEDDED_PROJECT if name in project}
    record = copies.with_fields(issue, project=project_copy)
    key = f"{project['key']}-{issue.key.rsplit('-', 1)[1]}"
    return record if key == issue.key else replace(record, key=key, former_keys=(*issue.former_keys, issue.key))


def _relabel_boards(editor: Editor, project: JsonObject) -> None:
    boards = editor.world.catalogue.boards
    for key, board in boards.items():
        location = board.json["location"]
        if str(location["projectId"]) == project["id"]:
            new_location = {**location, "projectKey": project["key"], "projectName": project["name"]}
            boards[key] = replace(board, json={**board.json, "location": new_location})


def keys_of(project: JsonObject) -> list[str]:
    """Return the project's keys, the current one first."""
    keys: list[str] = project.get("projectKeys") or [project["key"]]
    return keys


def archive_project(editor: Editor, parameters: JsonObject) -> Change:
    """Archive project `project`, or a random one; searches no longer return its issues."""
    return _save(editor, {**editor.project(parameters), "archived": True}, "project_archived")


def restore_project(editor: Editor, parameters: JsonObject) -> Change:
    """Restore archived project `project`, or a random one."""
    return _unmark(editor, parameters, "archived", "project_restored_archived")


def trash_project(editor: Editor, parameters: JsonObject) -> Change:
    """Move project `project`, or a random one, to the trash."""
    return _save(editor, {**editor.project(parameters), "deleted": True}, "project_soft_deleted")


def untrash_project(editor: Editor, parameters: JsonObject) -> Change:
    """Restore project `project`, or a random one, from the trash."""
    return _unmark(editor, parameters, "deleted", "project_restored_deleted")


def delete_project(editor: Editor, parameters: JsonObject) -> Change:
    """Delete project `project`, or a random one, with its issues, boards, sprints, versions and components."""
    project, world = editor.project(parameters), editor.world
    for issue_id in world.by_project.get(project["id"], ()):
        remove_references(editor, world.issues[issue_id])
        world.deleted_worklogs.extend((str(worklog["id"]), editor.now()) for worklog in world.issues[issue_id].worklogs)
        world.drop(issue_id)
    catalogue = world.catalogue
    del catalogue.projects[project["id"]]
    for objects in (catalogue.versions, catalogue.components):
        for key in [key for key, item in objects.items() if str(item["projectId"]) == project["id"]]:
            del objects[key]
    for board in [*catalogue.boards.values()]:
        if str(board.json["location"]["projectId"]) == project["id"]:
            del catalogue.boards[board.id]
    world.touch()
    return _change_of(project, "project_deleted")


def _unmark(editor: Editor, parameters: JsonObject, mark: str, event: str) -> Change:
    candidates = [project for project in editor.world.catalogue.projects.values() if project.get(mark)]
    before = editor.project(parameters) if "project" in parameters else editor.pick(candidates, "project in that state")
    return _save(editor, {name: value for name, value in before.items() if name != mark}, event)


def _save(editor: Editor, after: JsonObject, event: str) -> Change:
    editor.world.catalogue.projects[after["id"]] = after
    editor.world.touch()
    return _change_of(after, event)


def _change_of(project: JsonObject, event: str) -> Change:
    """Return the change with Jira's event body: a numeric id, and the lead as `projectLead`."""
    body: JsonObject = {name: project[name] for name in ("self", "key", "name", "avatarUrls") if name in project}
    body |= {"id": int(project["id"]), "assigneeType": "PROJECT_LEAD"}
    if project.get("lead"):
        body["projectLead"] = {name: v for name, v in project["lead"].items() if name not in {"emailAddress", "locale"}}
    return Change("project", project["id"], None, {"key": project["key"]}, [Event(event, {"project": body})])
