"""Boards: made, renamed, reconfigured, deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox.changes.configuration import another_name
from sandbox.changes.editor import Change, Desk, Event
from sandbox.shapes import ORIGIN, JiraError, JsonObject
from sandbox.world import Board

if TYPE_CHECKING:
    from collections.abc import Callable


def create_board(desk: Desk, asked: JsonObject) -> Change:
    """Make a board of type `type` (kanban unless told otherwise) for `project`, or for any."""
    boards, project = desk.world.catalogue.boards, desk.project(asked)
    key = max(boards, default=0) + 1
    location = {"projectId": int(project["id"]), "projectKey": project["key"], "projectName": project["name"]}
    made: JsonObject = {"id": key, "self": f"{ORIGIN}/rest/agile/1.0/board/{key}"}
    made |= {"name": asked.get("name", f"Board {key}"), "type": asked.get("type", "kanban")}
    made["location"] = {**location, "projectTypeKey": "software"}
    columns = next(iter(boards.values())).columns if boards else ()
    return _put(desk, Board(made, f"project = {project['id']} ORDER BY Rank ASC", columns), "board_created")


def rename_board(desk: Desk, asked: JsonObject) -> Change:
    """Rename board `board`, or any."""
    board = chosen(desk, asked)
    name = asked.get("name") or another_name(desk, board.json["name"])
    return _put(desk, replace(board, json={**board.json, "name": name}), "board_updated")


def configure_board(desk: Desk, asked: JsonObject) -> Change:
    """Turn the order of a board's columns round: no capture of the event is known, so its body is the board."""
    board = chosen(desk, asked)
    return _put(desk, replace(board, columns=board.columns[::-1]), "board_configuration_changed")


def delete_board(desk: Desk, asked: JsonObject) -> Change:
    """Delete board `board`, or any; its sprints are shown by no board any more."""
    board = chosen(desk, asked)
    del desk.world.catalogue.boards[board.id]
    desk.world.touch()
    return _told(board, "board_deleted")


def chosen(desk: Desk, asked: JsonObject, fits: Callable[[Board], bool] = lambda _: True) -> Board:
    """Return the board asked for, or any that fits."""
    boards = desk.world.catalogue.boards
    if "board" in asked:
        if int(asked["board"]) not in boards:
            raise JiraError(404, f"no board {asked['board']!r}")
        return boards[int(asked["board"])]
    return desk.one_of([each for each in boards.values() if fits(each)], "such board")


def _put(desk: Desk, board: Board, event: str) -> Change:
    desk.world.catalogue.boards[board.id] = board
    desk.world.touch()
    return _told(board, event)


def _told(board: Board, event: str) -> Change:
    return Change("board", str(board.id), None, {"name": board.json["name"]}, [Event(event, {"board": board.json})])
