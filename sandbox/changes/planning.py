"""Sprints: made, started, closed, and issues put into them. Starting and closing does not touch issues' `updated`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox.changes.desk import Change, Desk, Event, item, updated
from sandbox.moments import DAY, zulu
from sandbox.shapes import ORIGIN, JiraError, JsonObject

if TYPE_CHECKING:
    from sandbox.world import Board

_ON_ISSUE = ("id", "name", "state", "goal", "startDate", "endDate", "completeDate")


def create_sprint(desk: Desk, asked: JsonObject) -> Change:
    """Make a future sprint on board `board`, or on any scrum board."""
    catalogue, board = desk.world.catalogue, _board(desk, asked)
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


def _listed(sprints: list[JsonObject]) -> tuple[str, str]:
    return (", ".join(str(each["id"]) for each in sprints), ", ".join(each["name"] for each in sprints))


def on_issue(sprint: JsonObject) -> JsonObject:
    """Return a sprint as an issue's sprint field shows it."""
    return {**{name: sprint[name] for name in _ON_ISSUE if name in sprint}, "boardId": sprint["originBoardId"]}


def _put(desk: Desk, before: JsonObject, after: JsonObject, event: str) -> Change:
    desk.world.catalogue.sprints[after["id"]] = after
    for issue in [*desk.world.issues.values()]:
        sprints = issue.fields.get("customfield_10020") or []
        if any(each["id"] == after["id"] for each in sprints):
            fresh = [on_issue(after) if each["id"] == after["id"] else each for each in sprints]
            agile = {**issue.agile}
            if (agile.get("sprint") or {}).get("id") == after["id"]:
                is_over = after["state"] == "closed"
                agile["sprint"] = None if is_over else after
                agile["closedSprints"] = [*(agile.get("closedSprints") or []), *([after] if is_over else [])]
            desk.world.put(replace(issue, fields={**issue.fields, "customfield_10020": fresh}, agile=agile))
    desk.world.touch()
    old = {name: value for name, value in before.items() if before.get(name) != after.get(name)}
    events = [Event("sprint_updated", {"sprint": after, "oldValue": old}), Event(event, {"sprint": after})]
    return Change("sprint", str(after["id"]), None, {"state": after["state"]}, events)


def _board(desk: Desk, asked: JsonObject) -> Board:
    boards = desk.world.catalogue.boards
    if "board" in asked and int(asked["board"]) not in boards:
        raise JiraError(404, f"no board {asked['board']!r}")
    fitting = (
        [boards[int(asked["board"])]] if "board" in asked else [each for each in boards.values() if each.has_sprints]
    )
    if not fitting:
        raise JiraError(409, "no scrum board")
    return desk.chance.choice(fitting)


def _sprint(desk: Desk, asked: JsonObject, *states: str) -> JsonObject:
    sprints = desk.world.catalogue.sprints
    if "sprint" in asked:
        found = sprints.get(int(asked["sprint"]))
        if found is None:
            raise JiraError(404, f"no sprint {asked['sprint']!r}")
        return found
    fitting = [each for each in sprints.values() if each["state"] in states]
    if not fitting:
        raise JiraError(409, f"no sprint that is {' or '.join(states)}")
    return desk.chance.choice(fitting)
