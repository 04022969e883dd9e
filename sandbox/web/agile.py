"""Jira Software: boards, sprints, and the issues on them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from sandbox import rendering
from sandbox.jql import parse
from sandbox.jql.evaluate import Clock, test_of
from sandbox.moments import zone
from sandbox.shapes import ORIGIN, JiraError, JsonObject
from sandbox.web.exchange import names, page, reply, site

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.world import Board, Issue

routes = Blueprint("agile", __name__, url_prefix="/rest/agile/1.0")
_BOARD_TYPES = frozenset({"scrum", "kanban", "simple"})
_STATES = frozenset({"future", "active", "closed"})
_MAX_ISSUES = 5000
_SPRINT = "customfield_10020"
_FIRST_FILTER = 10_000
"""A board's filter is numbered after its board."""
_FILTER = re.compile(r"filter\s*=\s*(\d+)", re.IGNORECASE)


@routes.get("/board")
def boards() -> Response:
    """Return boards, at most 50 a page."""
    world = site().world
    types = set(names("type"))
    if types - _BOARD_TYPES:
        raise JiraError(400, f"Unsupported board type {sorted(types - _BOARD_TYPES)}.")
    wanted = request.args.get("projectKeyOrId")
    project = world.project(wanted) if wanted else None
    if wanted and project is None:
        raise JiraError(400, f"No project could be found with key or id '{wanted}'.")
    found = [
        each.json
        for each in list(world.catalogue.boards.values())
        if str(each.json["location"]["projectId"]) not in world.lost_projects
        and (not types or each.json["type"] in types)
        and (project is None or str(each.json["location"]["projectId"]) == project["id"])
    ]
    return reply(_bean(found))


def _bean(values: list[JsonObject]) -> JsonObject:
    """Return a page as Jira Software writes it: no links in it."""
    cut = page(values, default=50, cap=50)
    return {name: cut[name] for name in ("maxResults", "startAt", "total", "isLast", "values")}


def _board(board_id: int) -> Board:
    found = site().world.catalogue.boards.get(board_id)
    if found is None or str(found.json["location"]["projectId"]) in site().world.lost_projects:
        raise JiraError(
            404,
            "The requested board cannot be viewed because it either does not exist or you do not have permission "
            "to view it.",
        )
    return found


@routes.get("/board/<int:board_id>")
def board(board_id: int) -> Response:
    """Return one board."""
    return reply(_board(board_id).json)


@routes.get("/board/<int:board_id>/configuration")
def configuration(board_id: int) -> Response:
    """Return columns, filter and estimation; the last column is the done one."""
    found = _board(board_id)
    statuses = [
        {
            "name": each["name"],
            "statuses": [{**one, "self": f"{ORIGIN}/rest/api/2/status/{one['id']}"} for one in each["statuses"]],
        }
        for each in found.columns
    ]
    made: JsonObject = {
        "id": found.id,
        "name": found.json["name"],
        "type": found.json["type"],
        "self": f"{ORIGIN}/rest/agile/1.0/board/{board_id}/configuration",
    }
    made |= {
        "location": found.json["location"],
        "filter": {
            "id": str(_FIRST_FILTER + found.id),
            "self": f"{ORIGIN}/rest/api/2/filter/{_FIRST_FILTER + found.id}",
        },
    }
    made["columnConfig"] = {"columns": statuses, "constraintType": "issueCount"}
    if found.sub_query:
        made["subQuery"] = {"query": found.sub_query}
    if found.has_sprints and found.estimation_field:
        made["estimation"] = {
            "type": "field",
            "field": {"fieldId": found.estimation_field, "displayName": "Story Points"},
        }
    return reply({**made, "ranking": {"rankCustomFieldId": 10019}})


@routes.get("/board/<int:board_id>/sprint")
def sprints(board_id: int) -> Response:
    """Return the sprints of a scrum board, at most 50 a page."""
    found = _board(board_id)
    if not found.has_sprints:
        raise JiraError(400, "The board does not support sprints")
    states = set(names("state"))
    if states - _STATES:
        raise JiraError(400, f"Unsupported sprint state {sorted(states - _STATES)}.")
    kept = site().world.catalogue.sprints
    return reply(_bean([kept[key] for key in found.sprint_ids if not states or kept[key]["state"] in states]))


@routes.get("/sprint/<int:sprint_id>")
def sprint(sprint_id: int) -> Response:
    """Return one sprint."""
    return reply(_sprint(sprint_id))


def _sprint(sprint_id: int) -> JsonObject:
    found = site().world.catalogue.sprints.get(sprint_id)
    if found is None:
        raise JiraError(404, "Sprint does not exist.")
    return found


@routes.get("/board/<int:board_id>/issue")
def board_issues(board_id: int) -> Response:
    """Return the issues of a board, by offset, in version 2 form."""
    return _issues(_filter_of(_board(board_id)))


@routes.get("/sprint/<int:sprint_id>/issue")
def sprint_issues(sprint_id: int) -> Response:
    """Return the issues of a sprint, by offset, in version 2 form."""
    _sprint(sprint_id)
    return _issues(lambda issue: any(each["id"] == sprint_id for each in issue.fields.get(_SPRINT) or ()))


def holds(jql: str) -> Callable[[Issue], bool]:
    """The test that a query stands for; `filter = <id>` stands for a board's filter. Raises JiraError."""
    named = _FILTER.fullmatch(jql.strip())
    if named is None:
        return _test(jql)
    found = site().world.catalogue.boards.get(int(named.group(1)) - _FIRST_FILTER)
    if found is None:
        raise JiraError(400, f"A value with ID '{named.group(1)}' does not exist for the field 'filter'.")
    return _filter_of(found)


def _filter_of(board: Board) -> Callable[[Issue], bool]:
    members = board.members
    return _test(board.filter_jql) if members is None else lambda issue: issue.id in members


def _test(jql: str) -> Callable[[Issue], bool]:
    where = parse(jql).where
    return (lambda _: True) if where is None else test_of(where, Clock(site().clock(), zone(site().world.timezone)))


def _issues(is_member: Callable[[Issue], bool]) -> Response:
    also = _test(request.args.get("jql", ""))
    found = [each for each in site().search_view().searchable() if is_member(each) and also(each)]
    cut = page(found, default=50, cap=_MAX_ISSUES, name="issues", links=False)
    wanted = rendering.Selection.of(request.args.getlist("fields"), "*all")
    expand = frozenset(names("expand"))
    cut["issues"] = [rendering.issue(each, wanted, expand, rendering.SINGLE, "2", agile=True) for each in cut["issues"]]
    return reply({"expand": "schema,names", **cut}, objects=len(cut["issues"]))
