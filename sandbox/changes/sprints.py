"""Sprints: made, started, closed, and issues put into them. Starting and closing does not touch issues' `updated`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox.changes import boards, copies
from sandbox.changes.configuration import another_name
from sandbox.changes.editor import Change, Desk, Event, edited, item, updated
from sandbox.moments import DAY, zulu
from sandbox.shapes import ORIGIN, JiraError, JsonObject, NotNowError

if TYPE_CHECKING:
    from sandbox.world import Issue

_ON_ISSUE = ("id", "name", "state", "goal", "startDate", "endDate", "completeDate")


def create_sprint(desk: Desk, asked: JsonObject) -> Change:
    """Make a future sprint on board `board`, or on any scrum board."""
    catalogue, board = desk.world.catalogue, boards.chosen(desk, asked, lambda each: each.has_sprints)
    key = max(catalogue.sprints, default=0) + 1
    made: JsonObject = {
        "id": key,
        "self": f"{ORIGIN}/rest/agile/1.0/sprint/{key}",
        "state": "future",
        "originBoardId": board.id,
    }
    made |= {"name": asked.get("name", f"Sprint {key}"), "goal": "", "createdDate": zulu(desk.now())}
    catalogue.sprints[key] = made
    catalogue.boards[board.id] = replace(board, sprint_ids=(*board.sprint_ids, key))
    desk.world.touch()
    return Change("sprint", str(key), None, {"name": made["name"]}, [Event("sprint_created", {"sprint": made})])


def start_sprint(desk: Desk, asked: JsonObject) -> Change:
    """Start sprint `sprint`, or any future one; raises `sprint_updated` and `sprint_started`, as Jira does."""
    before = _sprint(desk, asked, "future")
    after = {**before, "state": "active", "startDate": zulu(desk.now()), "endDate": zulu(desk.now() + 14 * DAY)}
    return _put(desk, before, after, "sprint_started")


def close_sprint(desk: Desk, asked: JsonObject) -> Change:
    """Close sprint `sprint`, or any active one."""
    before = _sprint(desk, asked, "active")
    return _put(desk, before, {**before, "state": "closed", "completeDate": zulu(desk.now())}, "sprint_closed")


def plan_issue(desk: Desk, asked: JsonObject) -> Change:
    """Put an issue into sprint `sprint`, or into any that is not closed."""
    issue, author = desk.issue(asked), desk.person(asked)
    sprint = _sprint(desk, asked, "active", "future")
    before = issue.fields.get("customfield_10020") or []
    kept = [each for each in before if each["state"] == "closed"]
    entry = item("Sprint", _listed(before), _listed([*kept, sprint]), "customfield_10020")
    agile = {**issue.agile, "sprint": sprint}
    issue, history = desk.changed(
        replace(issue, agile=agile), author, [entry], customfield_10020=[*kept, on_issue(sprint)]
    )
    detail = {"sprint_id": str(sprint["id"]), "changelog_id": history["id"]}
    return Change("issue", issue.id, issue.id, detail, [updated(issue, author, "issue_updated", history)])


def unplan_issue(desk: Desk, asked: JsonObject) -> Change:
    """Take an issue out of the sprint it is in: only its changelog still knows."""
    holders = [each for each in desk.world.searchable() if _open_sprints(each)]
    issue = desk.issue(asked) if "issue" in asked else desk.one_of(holders, "issue in a sprint that is not closed")
    if not _open_sprints(issue):
        raise NotNowError("the issue is in no sprint that is not closed")
    return _taken_out(desk, issue, {each["id"] for each in _open_sprints(issue)})


def _open_sprints(issue: Issue) -> list[JsonObject]:
    return [each for each in issue.fields.get("customfield_10020") or [] if each["state"] != "closed"]


def _taken_out(desk: Desk, issue: Issue, gone: set[int]) -> Change:
    before = issue.fields.get("customfield_10020") or []
    kept = [each for each in before if each["id"] not in gone]
    entry = item("Sprint", _listed(before), _listed(kept), "customfield_10020")
    agile = {**issue.agile, "sprint": None} if (issue.agile.get("sprint") or {}).get("id") in gone else issue.agile
    return edited(desk, replace(issue, agile=agile), desk.person({}), [entry], customfield_10020=kept or None)


def rename_sprint(desk: Desk, asked: JsonObject) -> Change:
    """Rename sprint `sprint`, or any that is not closed."""
    before = _sprint(desk, asked, "active", "future")
    return _put(desk, before, {**before, "name": asked.get("name") or another_name(desk, before["name"])}, None)


def delete_sprint(desk: Desk, asked: JsonObject) -> Change:
    """Delete sprint `sprint`, or any future one; its issues go back to the backlog, each with a history."""
    gone, catalogue = _sprint(desk, asked, "future"), desk.world.catalogue
    del catalogue.sprints[gone["id"]]
    for key, board in catalogue.boards.items():
        catalogue.boards[key] = replace(
            board, sprint_ids=tuple(each for each in board.sprint_ids if each != gone["id"])
        )
    for issue in [*desk.world.issues.values()]:
        if any(each["id"] == gone["id"] for each in issue.fields.get("customfield_10020") or []):
            _taken_out(desk, issue, {gone["id"]})
    desk.world.touch()
    return Change("sprint", str(gone["id"]), None, {"name": gone["name"]}, [Event("sprint_deleted", {"sprint": gone})])


def _listed(sprints: list[JsonObject]) -> tuple[str, str]:
    return (", ".join(str(each["id"]) for each in sprints), ", ".join(each["name"] for each in sprints))


def on_issue(sprint: JsonObject) -> JsonObject:
    """Return a sprint as an issue's sprint field shows it."""
    return {**{name: sprint[name] for name in _ON_ISSUE if name in sprint}, "boardId": sprint["originBoardId"]}


def _put(desk: Desk, before: JsonObject, after: JsonObject, event: str | None) -> Change:
    desk.world.catalogue.sprints[after["id"]] = after
    copies.renew(desk, lambda issue: _with_sprint(issue, after))
    desk.world.touch()
    old = {name: value for name, value in before.items() if before.get(name) != after.get(name)}
    events = [Event("sprint_updated", {"sprint": after, "oldValue": old})]
    events += [Event(event, {"sprint": after})] if event else []
    return Change("sprint", str(after["id"]), None, {"state": after["state"]}, events)


def _with_sprint(issue: Issue, after: JsonObject) -> Issue:
    fresh = copies.in_fields(issue, ("customfield_10020",), on_issue(after))
    if fresh is issue or (issue.agile.get("sprint") or {}).get("id") != after["id"]:
        return fresh
    is_over = after["state"] == "closed"
    closed = [*(issue.agile.get("closedSprints") or []), *([after] if is_over else [])]
    return replace(fresh, agile={**issue.agile, "sprint": None if is_over else after, "closedSprints": closed})


def _sprint(desk: Desk, asked: JsonObject, *states: str) -> JsonObject:
    sprints = desk.world.catalogue.sprints
    if "sprint" in asked:
        found = sprints.get(int(asked["sprint"]))
        if found is None:
            raise JiraError(404, f"no sprint {asked['sprint']!r}")
        return found
    fitting = [each for each in sprints.values() if each["state"] in states]
    return desk.one_of(fitting, f"sprint that is {' or '.join(states)}")
