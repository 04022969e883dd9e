"""Sprints and their issues. Starting or closing a sprint does not move the issues' `updated`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox.changes import boards, copies
from sandbox.changes.editor import Change, Editor, Event, edit, item, update_event
from sandbox.moments import DAY, zulu
from sandbox.shapes import ORIGIN, JiraError, JsonObject, NotNowError

if TYPE_CHECKING:
    from sandbox.world import Issue

_ON_ISSUE = ("id", "name", "state", "goal", "startDate", "endDate", "completeDate")


def create_sprint(editor: Editor, parameters: JsonObject) -> Change:
    """Create a future sprint on board `board`, or on a random scrum board."""
    catalogue, board = (
        editor.world.catalogue,
        boards.pick_board(editor, parameters, lambda candidate: candidate.has_sprints),
    )
    key = max(catalogue.sprints, default=0) + 1
    sprint: JsonObject = {
        "id": key,
        "self": f"{ORIGIN}/rest/agile/1.0/sprint/{key}",
        "state": "future",
        "originBoardId": board.id,
    }
    sprint |= {"name": parameters.get("name", f"Sprint {key}"), "goal": "", "createdDate": zulu(editor.now())}
    catalogue.sprints[key] = sprint
    catalogue.boards[board.id] = replace(board, sprint_ids=(*board.sprint_ids, key))
    editor.world.touch()
    return Change("sprint", str(key), None, {"name": sprint["name"]}, [Event("sprint_created", {"sprint": sprint})])


def start_sprint(editor: Editor, parameters: JsonObject) -> Change:
    """Start sprint `sprint`, or a random future one. Raises `sprint_updated` and `sprint_started`, as Jira does."""
    before = _sprint(editor, parameters, "future")
    after = {**before, "state": "active", "startDate": zulu(editor.now()), "endDate": zulu(editor.now() + 14 * DAY)}
    return _save(editor, before, after, "sprint_started")


def close_sprint(editor: Editor, parameters: JsonObject) -> Change:
    """Close sprint `sprint`, or a random active one."""
    before = _sprint(editor, parameters, "active")
    return _save(editor, before, {**before, "state": "closed", "completeDate": zulu(editor.now())}, "sprint_closed")


def plan_issue(editor: Editor, parameters: JsonObject) -> Change:
    """Add an issue to sprint `sprint`, or to a random open one."""
    issue, author = editor.issue(parameters), editor.person(parameters)
    sprint = _sprint(editor, parameters, "active", "future")
    before = issue.fields.get("customfield_10020") or []
    closed_sprints = [sprint for sprint in before if sprint["state"] == "closed"]
    entry = item("Sprint", _ids_and_names(before), _ids_and_names([*closed_sprints, sprint]), "customfield_10020")
    agile = {**issue.agile, "sprint": sprint}
    issue, history = editor.save(
        replace(issue, agile=agile), author, [entry], customfield_10020=[*closed_sprints, on_issue(sprint)]
    )
    detail = {"sprint_id": str(sprint["id"]), "changelog_id": history["id"]}
    return Change("issue", issue.id, issue.id, detail, [update_event(issue, author, "issue_updated", history)])


def unplan_issue(editor: Editor, parameters: JsonObject) -> Change:
    """Remove an issue from its open sprint; only the changelog keeps the sprint."""
    holders = [issue for issue in editor.world.searchable() if _open_sprints(issue)]
    issue = (
        editor.issue(parameters)
        if "issue" in parameters
        else editor.pick(holders, "issue in a sprint that is not closed")
    )
    if not _open_sprints(issue):
        raise NotNowError("the issue is in no sprint that is not closed")
    return _remove_from_sprints(editor, issue, {sprint["id"] for sprint in _open_sprints(issue)})


def _open_sprints(issue: Issue) -> list[JsonObject]:
    return [sprint for sprint in issue.fields.get("customfield_10020") or [] if sprint["state"] != "closed"]


def _remove_from_sprints(editor: Editor, issue: Issue, sprint_ids: set[int]) -> Change:
    before = issue.fields.get("customfield_10020") or []
    remaining_sprints = [sprint for sprint in before if sprint["id"] not in sprint_ids]
    entry = item("Sprint", _ids_and_names(before), _ids_and_names(remaining_sprints), "customfield_10020")
    agile = (
        {**issue.agile, "sprint": None} if (issue.agile.get("sprint") or {}).get("id") in sprint_ids else issue.agile
    )
    return edit(
        editor, replace(issue, agile=agile), editor.person({}), [entry], customfield_10020=remaining_sprints or None
    )


def rename_sprint(editor: Editor, parameters: JsonObject) -> Change:
    """Rename sprint `sprint`, or a random open one."""
    before = _sprint(editor, parameters, "active", "future")
    return _save(editor, before, {**before, "name": editor.new_name(parameters, before["name"])}, None)


def delete_sprint(editor: Editor, parameters: JsonObject) -> Change:
    """Delete sprint `sprint`, or a random future one; its issues return to the backlog, each with a history."""
    sprint, catalogue = _sprint(editor, parameters, "future"), editor.world.catalogue
    del catalogue.sprints[sprint["id"]]
    for key, board in catalogue.boards.items():
        catalogue.boards[key] = replace(
            board, sprint_ids=tuple(sprint_id for sprint_id in board.sprint_ids if sprint_id != sprint["id"])
        )
    for issue in [*editor.world.issues.values()]:
        if any(entry["id"] == sprint["id"] for entry in issue.fields.get("customfield_10020") or []):
            _remove_from_sprints(editor, issue, {sprint["id"]})
    editor.world.touch()
    return Change(
        "sprint", str(sprint["id"]), None, {"name": sprint["name"]}, [Event("sprint_deleted", {"sprint": sprint})]
    )


def _ids_and_names(sprints: list[JsonObject]) -> tuple[str, str]:
    return (", ".join(str(sprint["id"]) for sprint in sprints), ", ".join(sprint["name"] for sprint in sprints))


def on_issue(sprint: JsonObject) -> JsonObject:
    """Return a sprint as an issue's sprint field shows it."""
    return {**{name: sprint[name] for name in _ON_ISSUE if name in sprint}, "boardId": sprint["originBoardId"]}


def _save(editor: Editor, before: JsonObject, after: JsonObject, event: str | None) -> Change:
    editor.world.catalogue.sprints[after["id"]] = after
    copies.renew(editor, lambda issue: _with_sprint(issue, after))
    editor.world.touch()
    old = {name: value for name, value in before.items() if before.get(name) != after.get(name)}
    events = [Event("sprint_updated", {"sprint": after, "oldValue": old})]
    events += [Event(event, {"sprint": after})] if event else []
    return Change("sprint", str(after["id"]), None, {"state": after["state"]}, events)


def _with_sprint(issue: Issue, after: JsonObject) -> Issue:
    fresh = copies.replace_object(issue, ("customfield_10020",), on_issue(after))
    if fresh is issue or (issue.agile.get("sprint") or {}).get("id") != after["id"]:
        return fresh
    is_over = after["state"] == "closed"
    closed_sprints = [*(issue.agile.get("closedSprints") or []), *([after] if is_over else [])]
    return replace(fresh, agile={**issue.agile, "sprint": None if is_over else after, "closedSprints": closed_sprints})


def _sprint(editor: Editor, parameters: JsonObject, *states: str) -> JsonObject:
    sprints = editor.world.catalogue.sprints
    if "sprint" in parameters:
        match = sprints.get(int(parameters["sprint"]))
        if match is None:
            raise JiraError(404, f"no sprint {parameters['sprint']!r}")
        return match
    candidates = [sprint for sprint in sprints.values() if sprint["state"] in states]
    return editor.pick(candidates, f"sprint that is {' or '.join(states)}")
