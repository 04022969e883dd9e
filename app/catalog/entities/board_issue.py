"""An issue's membership of a board by the board's filter. Jira has no such object: the id is `<board id>:<issue id>`."""

from __future__ import annotations

from datetime import timedelta

from app.catalog.columns import reading
from app.catalog.json_value import Json, find
from app.catalog.language import Column, Each, Entity, Example, Item, Kind, Paging, Walk


def _id(item: Item) -> Json:
    board, issue = str(find(item.body, "boardId")), str(find(item.body, "issueId"))
    return f"{board}:{issue}" if board.isdecimal() and issue.isdecimal() else None


ENTITY = Entity(
    name="board_issue",
    label="Issues on boards",
    position=100,
    refresh=timedelta(hours=24),
    matched_by="board_configuration",
    goes_with=(("issue", "issue_id"),),
    id=_id,
    belongs_to="board",
    walk=Walk("jql/match", Paging.MATCH, "matches", Each.STORED),
    columns=(
        Column("board_id", Kind.TEXT, reading("boardId"), target="board"),
        Column("issue_id", Kind.TEXT, reading("issueId"), target="issue"),
    ),
    example=Example(
        body={"boardId": "93", "issueId": "20708"},
        row={"board_id": "93", "issue_id": "20708"},
    ),
)
