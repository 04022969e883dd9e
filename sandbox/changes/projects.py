"""Projects: made, renamed, archived, put into the trash, erased. What happens to their issues raises no event of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox.changes import copies
from sandbox.changes.configuration import another_name
from sandbox.changes.editor import EMBEDDED_PROJECT, Change, Desk, Event
from sandbox.changes.links import without_references

if TYPE_CHECKING:
    from sandbox.shapes import JsonObject
    from sandbox.world import Issue


def create_project(desk: Desk, asked: JsonObject) -> Change:
    """Make an empty project with key `key`."""
    projects = desk.world.catalogue.projects
    known = str(1 + max(int(key) for key in projects))
    pattern = next(each for each in projects.values() if not each.get("simplified"))
    key = str(asked.get("key", f"NEW{known}"))
    made = {name: value for name, value in pattern.items() if name not in {"archived", "deleted", "projectKeys"}}
    made |= {"id": known, "key": key, "name": asked.get("name", f"Project {known}"), "self": _self(pattern, known)}
    projects[known] = made
    desk.world.touch()
    return _told(made, "project_created")


def _self(pattern: JsonObject, known: str) -> str:
    return f"{pattern['self'].rsplit('/', 1)[0]}/{known}"


def rename_project(desk: Desk, asked: JsonObject) -> Change:
    """Rename project `project`, or any, to `name`; a new `key` gives all its issues new keys, none of them touched."""
    before = desk.project(asked)
    after = {**before, "name": asked.get("name") or another_name(desk, before["name"])}
    if "key" in asked:
        after |= {"key": str(asked["key"]), "projectKeys": [str(asked["key"]), *keys_of(before)]}
    desk.world.catalogue.projects[before["id"]] = after
    moved: dict[str, tuple[str, str]] = {}
    for issue in [desk.world.issues[each] for each in desk.world.by_project.get(before["id"], ())]:
        made = _in(issue, after)
        moved |= {issue.id: (issue.key, made.key)} if issue.key != made.key else {}
        desk.world.put(made)
    if moved:
        copies.renew(desk, lambda issue: copies.of_keys(issue, moved))
    _boards_follow(desk, after)
    desk.world.touch()
    return _told(after, "project_updated")


def _in(issue: Issue, project: JsonObject) -> Issue:
    """Return the issue under its project's present name and key."""
    embedded = {name: project[name] for name in EMBEDDED_PROJECT if name in project}
    made = copies.with_fields(issue, project=embedded)
    key = f"{project['key']}-{issue.key.rsplit('-', 1)[1]}"
    return made if key == issue.key else replace(made, key=key, former_keys=(*issue.former_keys, issue.key))


def _boards_follow(desk: Desk, project: JsonObject) -> None:
    boards = desk.world.catalogue.boards
    for key, board in boards.items():
        location = board.json["location"]
        if str(location["projectId"]) == project["id"]:
            named = {**location, "projectKey": project["key"], "projectName": project["name"]}
            boards[key] = replace(board, json={**board.json, "location": named})


def keys_of(project: JsonObject) -> list[str]:
    """Return the project's keys, its present one first."""
    found: list[str] = project.get("projectKeys") or [project["key"]]
    return found


def archive_project(desk: Desk, asked: JsonObject) -> Change:
    """Archive project `project`, or any: its issues leave the search."""
    return _put(desk, {**desk.project(asked), "archived": True}, "project_archived")


def restore_project(desk: Desk, asked: JsonObject) -> Change:
    """Bring archived project `project`, or any, back."""
    return _back(desk, asked, "archived", "project_restored_archived")


def trash_project(desk: Desk, asked: JsonObject) -> Change:
    """Put project `project`, or any, into the trash."""
    return _put(desk, {**desk.project(asked), "deleted": True}, "project_soft_deleted")


def untrash_project(desk: Desk, asked: JsonObject) -> Change:
    """Take project `project`, or any, out of the trash."""
    return _back(desk, asked, "deleted", "project_restored_deleted")


def delete_project(desk: Desk, asked: JsonObject) -> Change:
    """Erase project `project`, or any, with its issues, boards, sprints, versions and components."""
    gone, world = desk.project(asked), desk.world
    for issue_id in world.by_project.get(gone["id"], ()):
        without_references(desk, world.issues[issue_id])
        world.deleted_worklogs.extend((str(each["id"]), desk.now()) for each in world.issues[issue_id].worklogs)
        world.drop(issue_id)
    catalogue = world.catalogue
    del catalogue.projects[gone["id"]]
    for known in (catalogue.versions, catalogue.components):
        for key in [key for key, each in known.items() if str(each["projectId"]) == gone["id"]]:
            del known[key]
    for board in [*catalogue.boards.values()]:
        if str(board.json["location"]["projectId"]) == gone["id"]:
            del catalogue.boards[board.id]
    world.touch()
    return _told(gone, "project_deleted")


def _back(desk: Desk, asked: JsonObject, mark: str, event: str) -> Change:
    marked = [each for each in desk.world.catalogue.projects.values() if each.get(mark)]
    before = desk.project(asked) if "project" in asked else desk.one_of(marked, "project in that state")
    return _put(desk, {name: value for name, value in before.items() if name != mark}, event)


def _put(desk: Desk, after: JsonObject, event: str) -> Change:
    desk.world.catalogue.projects[after["id"]] = after
    desk.world.touch()
    return _told(after, event)


def _told(project: JsonObject, event: str) -> Change:
    """Tell of it as Jira does: here the id is a number, and the lead has another name."""
    body: JsonObject = {name: project[name] for name in ("self", "key", "name", "avatarUrls") if name in project}
    body |= {"id": int(project["id"]), "assigneeType": "PROJECT_LEAD"}
    if project.get("lead"):
        body["projectLead"] = {name: v for name, v in project["lead"].items() if name not in {"emailAddress", "locale"}}
    return Change("project", project["id"], None, {"key": project["key"]}, [Event(event, {"project": body})])
