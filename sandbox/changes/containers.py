"""Where issues lie and who may see them: moves, archive, security levels, lost projects."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox.changes.desk import Change, Desk, item, pair, updated
from sandbox.changes.issues import first_status, next_key
from sandbox.shapes import JiraError, JsonObject

if TYPE_CHECKING:
    from sandbox.world import Issue

_EMBEDDED = ("self", "id", "key", "name", "projectTypeKey", "simplified", "avatarUrls")


def move(desk: Desk, asked: JsonObject) -> Change:
    """Move an issue to project `to`, or to any other: new key, the old one keeps resolving, one history."""
    issue, author = desk.issue(asked), desk.person(asked)
    others = [each for each in desk.world.catalogue.projects.values() if each["id"] != issue.project_id]
    target = desk.project(asked, "to") if "to" in asked else desk.chance.choice(others)
    before, key, status = issue.fields["project"], next_key(desk, target), first_status(desk, target["id"])
    items = [
        item("project", (before["id"], before["name"]), (target["id"], target["name"])),
        item("Key", (None, issue.key), (None, key)),
        item("status", pair(issue.fields["status"]), pair(status)),
    ]
    embedded = {name: target[name] for name in _EMBEDDED if name in target}
    moved = replace(issue, key=key, former_keys=(*issue.former_keys, issue.key))
    moved, history = desk.changed(moved, author, items, project=embedded, status=status)
    detail = {"key": key, "former_key": issue.key, "changelog_id": history["id"]}
    return Change("issue", issue.id, issue.id, detail, [updated(moved, author, "issue_moved", history)])


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
    if not candidates:
        raise JiraError(409, "no issue in that state")
    return desk.chance.choice(candidates)


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
