"""Boards: created, renamed, reconfigured, deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox.changes.editor import Change, Editor, Event
from sandbox.shapes import ORIGIN, JiraError, JsonObject
from sandbox.world import Board

if TYPE_CHECKING:
    from collections.abc import Callable


def create_board(editor: Editor, parameters: JsonObject) -> Change:
    """Create a board of type `type` (default kanban) for `project`, or for a random one."""
    boards, project = editor.world.catalogue.boards, editor.project(parameters)
    key = max(boards, default=0) + 1
    location = {"projectId": int(project["id"]), "projectKey": project["key"], "projectName": project["name"]}
    fields: JsonObject = {"id": key, "self": f"{ORIGIN}/rest/agile/1.0/board/{key}"}
    fields |= {"name": parameters.get("name", f"Board {key}"), "type": parameters.get("type", "kanban")}
    fields["location"] = {**location, "projectTypeKey": "software"}
    columns = next(iter(boards.values())).columns if boards else ()
    return _save(editor, Board(fields, f"project = {project['id']} ORDER BY Rank ASC", columns), "board_created")


def rename_board(editor: Editor, parameters: JsonObject) -> Change:
    """Rename board `board`, or a random one."""
    board = pick_board(editor, parameters)
    name = editor.new_name(parameters, board.json["name"])
    return _save(editor, replace(board, json={**board.json, "name": name}), "board_updated")


def configure_board(editor: Editor, parameters: JsonObject) -> Change:
    """Reverse the order of a board's columns. No capture of the event is known; its body here is the board."""
    board = pick_board(editor, parameters)
    return _save(editor, replace(board, columns=board.columns[::-1]), "board_configuration_changed")


def delete_board(editor: Editor, parameters: JsonObject) -> Change:
    """Delete board `board`, or a random one. No board shows its sprints any more."""
    board = pick_board(editor, parameters)
    del editor.world.catalogue.boards[board.id]
    editor.world.touch()
    return _change_of(board, "board_deleted")


def pick_board(editor: Editor, parameters: JsonObject, fits: Callable[[Board], bool] = lambda _: True) -> Board:
    """Return board `board`, or a random one that fits. Raises JiraError 404."""
    boards = editor.world.catalogue.boards
    if "board" in parameters:
        if int(parameters["board"]) not in boards:
            raise JiraError(404, f"no board {parameters['board']!r}")
        return boards[int(parameters["board"])]
    return editor.pick([board for board in boards.values() if fits(board)], "such board")


def _save(editor: Editor, board: Board, event: str) -> Change:
    editor.world.catalogue.boards[board.id] = board
    editor.world.touch()
    return _change_of(board, event)


def _change_of(board: Board, event: str) -> Change:
    return Change("board", str(board.id), None, {"name": board.json["name"]}, [Event(event, {"board": board.json})])
