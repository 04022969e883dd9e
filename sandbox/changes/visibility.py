"""Issues and projects leave and re-enter the app's view: archive, security levels, lost permissions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox.changes.editor import Change, Editor

if TYPE_CHECKING:
    from sandbox.shapes import JsonObject
    from sandbox.world import Issue


def archive(editor: Editor, parameters: JsonObject) -> Change:
    """Archive an issue: searches no longer return it, a GET by id still does. Raises no event."""
    issue, author = editor.issue(parameters), editor.person(parameters)
    return _save(editor, replace(issue, archive_fields={"archiveddate": editor.stamp(), "archivedby": author}))


def restore(editor: Editor, parameters: JsonObject) -> Change:
    """Restore an archived issue."""
    return _save(
        editor,
        replace(
            _pick(editor, parameters, [issue for issue in editor.world.issues.values() if issue.archive_fields]),
            archive_fields=None,
        ),
    )


def hide(editor: Editor, parameters: JsonObject) -> Change:
    """Set a security level that the app's user lacks: the issue vanishes without an event."""
    return _save(editor, replace(editor.issue(parameters), is_hidden=True))


def reveal(editor: Editor, parameters: JsonObject) -> Change:
    """Remove the security level."""
    return _save(
        editor,
        replace(
            _pick(editor, parameters, [issue for issue in editor.world.issues.values() if issue.is_hidden]),
            is_hidden=False,
        ),
    )


def _pick(editor: Editor, parameters: JsonObject, candidates: list[Issue]) -> Issue:
    if "issue" in parameters:
        return editor.issue(parameters)
    return editor.pick(candidates, "issue in that state")


def _save(editor: Editor, issue: Issue) -> Change:
    editor.world.put(issue)
    return Change("issue", issue.id, issue.id, {"key": issue.key})


def lose_project(editor: Editor, parameters: JsonObject) -> Change:
    """Revoke the app's permission for `project`: searches return nothing instead of an error."""
    project = editor.project(parameters)
    editor.world.lost_projects |= {project["id"]}
    editor.world.touch()
    return Change("project", project["id"], None, {"key": project["key"]})


def regain_project(editor: Editor, parameters: JsonObject) -> Change:
    """Grant the permission for `project` again, or for every lost one."""
    id_or_key = str(parameters.get("project", ""))
    projects = editor.world.catalogue.projects
    project_ids = {key for key in editor.world.lost_projects if id_or_key in {"", key, projects[key]["key"]}}
    editor.world.lost_projects -= project_ids
    editor.world.touch()
    return Change("project", ",".join(sorted(project_ids)))
