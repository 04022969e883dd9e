"""Where issues lie and who may see them: moves, archive, security levels, lost projects."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox.changes.editor import Change, Desk

if TYPE_CHECKING:
    from sandbox.shapes import JsonObject
    from sandbox.world import Issue


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
