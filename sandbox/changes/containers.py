"""Where issues lie and who may see them: moves, archive, security levels, lost projects."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox.changes import copies
from sandbox.changes.desk import EMBEDDED_PROJECT, Change, Desk, item, pair, updated
from sandbox.changes.issues import first_status, next_key

if TYPE_CHECKING:
    from sandbox.shapes import JsonObject
    from sandbox.world import Issue


def move(desk: Desk, asked: JsonObject) -> Change:
    """Move an issue to project `to`, or to any other: new key, the old one keeps resolving, one history.

    Its sub-tasks go along. What refers to it shows the new key, untouched.
    """
    issue, author = desk.issue(asked), desk.person(asked)
    others = [each for each in desk.world.catalogue.projects.values() if _may_take(desk, each, issue)]
    target = desk.project(asked, "to") if "to" in asked else desk.one_of(others, "other project")
    followers = [desk.world.issues.get(each["id"]) for each in issue.fields.get("subtasks") or ()]
    keys, events, history_id = {}, [], ""
    for each in (issue, *(one for one in followers if one is not None)):
        moved, history = _moved(desk, each, author, target)
        keys[each.id] = (each.key, moved.key)
        events.append(updated(moved, author, "issue_moved", history))
        history_id = history_id or history["id"]
    copies.renew(desk, lambda each: copies.of_keys(each, keys))
    detail = {"key": keys[issue.id][1], "former_key": issue.key, "changelog_id": history_id}
    return Change("issue", issue.id, issue.id, detail, events)


def _may_take(desk: Desk, project: JsonObject, issue: Issue) -> bool:
    return project["id"] != issue.project_id and desk.world.is_open(project["id"])


def _moved(desk: Desk, issue: Issue, author: JsonObject, target: JsonObject) -> tuple[Issue, JsonObject]:
    before, key, status = issue.fields["project"], next_key(desk, target), first_status(desk, target["id"])
    items = [
        item("project", (before["id"], before["name"]), (target["id"], target["name"])),
        item("Key", (None, issue.key), (None, key)),
        item("status", pair(issue.fields["status"]), pair(status)),
    ]
    embedded = {name: target[name] for name in EMBEDDED_PROJECT if name in target}
    moved = replace(issue, key=key, former_keys=(*issue.former_keys, issue.key))
    return desk.changed(moved, author, items, project=embedded, status=status)


def archive(desk: Desk, asked: JsonObject) -> Change:
    """Archive an issue: gone from search, a GET by id still answers; no event."""
    issue, author = desk.issue(asked), desk.person(asked)
    return _put(desk, replace(issue, archived={"archiveddate": desk.stamp(), "archivedby": author}))


def restore(desk: Desk, asked: JsonObject) -> Change:
    """Bring an archived issue back."""
    return _put(
        desk,
        replace(_chosen(desk, asked, [each for each in desk.world.issues.values() if each.archived]), archived=None),
    )


def hide(desk: Desk, asked: JsonObject) -> Change:
    """Set a security level that the app's user does not have: silently gone everywhere."""
    return _put(desk, replace(desk.issue(asked), hidden=True))


def reveal(desk: Desk, asked: JsonObject) -> Change:
    """Remove the security level."""
    return _put(
        desk, replace(_chosen(desk, asked, [each for each in desk.world.issues.values() if each.hidden]), hidden=False)
    )


def _chosen(desk: Desk, asked: JsonObject, candidates: list[Issue]) -> Issue:
    if "issue" in asked:
        return desk.issue(asked)
    return desk.one_of(candidates, "issue in that state")


def _put(desk: Desk, issue: Issue) -> Change:
    desk.world.put(issue)
    return Change("issue", issue.id, issue.id, {"key": issue.key})


def lose_project(desk: Desk, asked: JsonObject) -> Change:
    """Take `project` out of the app's permissions: its searches turn empty, not into errors."""
    project = desk.project(asked)
    desk.world.lost_projects |= {project["id"]}
    desk.world.touch()
    return Change("project", project["id"], None, {"key": project["key"]})


def regain_project(desk: Desk, asked: JsonObject) -> Change:
    """Give `project`, or every lost one, back."""
    wanted = str(asked.get("project", ""))
    projects = desk.world.catalogue.projects
    back = {key for key in desk.world.lost_projects if wanted in {"", key, projects[key]["key"]}}
    desk.world.lost_projects -= back
    desk.world.touch()
    return Change("project", ",".join(sorted(back)))
