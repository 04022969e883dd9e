"""Jira Software: boards, sprints and their issues."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from sandbox import rendering
from sandbox.jql import parse
from sandbox.jql.evaluate import Clock, test_of
from sandbox.moments import zone
from sandbox.shapes import ORIGIN, JiraError, JsonObject
from sandbox.web.callers import closed_projects, world
from sandbox.web.exchange import names, page, reply, shown_fields, site
from sandbox.world import FIRST_FILTER

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.world import Board, Issue

routes = Blueprint("agile", __name__, url_prefix="/rest/agile/1.0")
_BOARD_TYPES = frozenset({"scrum", "kanban", "simple"})
_STATES = frozenset({"future", "active", "closed"})
_MAX_ISSUES = 5000
_SPRINT = "customfield_10020"
_FILTER = re.compile(r"filter\s*=\s*(\d+)", re.IGNORECASE)


@routes.get("/board")
def boards() -> Response:
    """Return boards, at most 50 a page."""
    visible_world = world()
    types = set(names("type"))
    if types - _BOARD_TYPES:
        raise JiraError(400, f"Unsupported board type {sorted(types - _BOARD_TYPES)}.")
    project_key_or_id = request.args.get("projectKeyOrId")
    project = visible_world.project(project_key_or_id) if project_key_or_id else None
    if project_key_or_id and project is None:
        raise JiraError(400, f"No project could be found with key or id '{project_key_or_id}'.")
    matches = [
        board.json
        for board in list(visible_world.catalogue.boards.values())
        if str(board.json["location"]["projectId"]) not in visible_world.lost_projects
        and (not types or board.json["type"] in types)
        and (project is None or str(board.json["location"]["projectId"]) == project["id"])
    ]
    return reply(_bean(matches))


def _bean(values: list[JsonObject]) -> JsonObject:
    """Return a page in Jira Software's form, without links."""
    cut = page(values, default=50, cap=50)
    return {name: cut[name] for name in ("maxResults", "startAt", "total", "isLast", "values")}


def _board(board_id: int) -> Board:
    match = site().world.catalogue.boards.get(board_id)
    if match is None or str(match.json["location"]["projectId"]) in world().lost_projects:
        raise JiraError(
            404,
            "The requested board cannot be viewed because it either does not exist or you do not have permission "
            "to view it.",
        )
    return match


@routes.get("/board/<int:board_id>")
def board(board_id: int) -> Response:
    """Return one board."""
    return reply(_board(board_id).json)


@routes.get("/board/<int:board_id>/configuration")
def configuration(board_id: int) -> Response:
    """Return columns, filter and estimation; the last column means done."""
    board = _board(board_id)
    statuses = [
        {
            "name": column["name"],
            "statuses": [
                {**status, "self": f"{ORIGIN}/rest/api/2/status/{status['id']}"} for status in column["statuses"]
            ],
        }
        for column in board.columns
    ]
    body: JsonObject = {
        "id": board.id,
        "name": board.json["name"],
        "type": board.json["type"],
        "self": f"{ORIGIN}/rest/agile/1.0/board/{board_id}/configuration",
    }
    body |= {
        "location": board.json["location"],
        "filter": {
            "id": str(board.filter_id),
            "self": f"{ORIGIN}/rest/api/2/filter/{board.filter_id}",
        },
    }
    body["columnConfig"] = {"columns": statuses, "constraintType": "issueCount"}
    if board.sub_query:
        body["subQuery"] = {"query": board.sub_query}
    if board.has_sprints and board.estimation_field:
        body["estimation"] = {
            "type": "field",
            "field": {"fieldId": board.estimation_field, "displayName": "Story Points"},
        }
    return reply({**body, "ranking": {"rankCustomFieldId": 10019}})


@routes.get("/board/<int:board_id>/sprint")
def sprints(board_id: int) -> Response:
    """Return the sprints of a scrum board, at most 50 a page."""
    board = _board(board_id)
    if not board.has_sprints:
        raise JiraError(400, "The board does not support sprints")
    states = set(names("state"))
    if states - _STATES:
        raise JiraError(400, f"Unsupported sprint state {sorted(states - _STATES)}.")
    sprint_objects = site().world.catalogue.sprints
    return reply(
        _bean([sprint_objects[key] for key in board.sprint_ids if not states or sprint_objects[key]["state"] in states])
    )


@routes.get("/sprint/<int:sprint_id>")
def sprint(sprint_id: int) -> Response:
    """Return one sprint."""
    return reply(_sprint(sprint_id))


def _sprint(sprint_id: int) -> JsonObject:
    match = site().world.catalogue.sprints.get(sprint_id)
    if match is None:
        raise JiraError(404, "Sprint does not exist.")
    return match


@routes.get("/board/<int:board_id>/issue")
def board_issues(board_id: int) -> Response:
    """Return a page of a board's issues in version 2 form."""
    return _issues(_filter_of(_board(board_id)))


@routes.get("/sprint/<int:sprint_id>/issue")
def sprint_issues(sprint_id: int) -> Response:
    """Return a page of a sprint's issues in version 2 form."""
    _sprint(sprint_id)
    return _issues(lambda issue: any(sprint["id"] == sprint_id for sprint in issue.fields.get(_SPRINT) or ()))


def test_of_jql(jql: str) -> Callable[[Issue], bool]:
    """Return the test of a query; `filter = <id>` means the filter of a board. Raises JiraError."""
    match = _FILTER.fullmatch(jql.strip())
    if match is None:
        return _test(jql)
    board = site().world.catalogue.boards.get(int(match.group(1)) - FIRST_FILTER)
    if board is None:
        raise JiraError(400, f"A value with ID '{match.group(1)}' does not exist for the field 'filter'.")
    return _filter_of(board)


def _filter_of(board: Board) -> Callable[[Issue], bool]:
    members = board.members
    return _test(board.filter_jql) if members is None else lambda issue: issue.id in members


def _test(jql: str) -> Callable[[Issue], bool]:
    condition = parse(jql).condition
    return (
        (lambda _: True)
        if condition is None
        else test_of(condition, Clock(site().clock(), zone(site().world.timezone)))
    )


def _issues(is_member: Callable[[Issue], bool]) -> Response:
    also = _test(request.args.get("jql", ""))
    matches = [
        issue for issue in site().search_view((), closed_projects()).searchable() if is_member(issue) and also(issue)
    ]
    cut = page(matches, default=50, cap=_MAX_ISSUES, name="issues", links=False)
    selection = shown_fields(request.args.getlist("fields"), "*all")
    expand = frozenset(names("expand"))
    cut["issues"] = [
        rendering.issue(issue, selection, expand, rendering.SINGLE, "2", agile=True) for issue in cut["issues"]
    ]
    return reply({"expand": "schema,names", **cut}, objects=len(cut["issues"]))
