"""A board's configuration: its filter, its columns with their statuses (the last one is Done), its unit of estimation."""

from __future__ import annotations

from datetime import timedelta

from app.catalog.columns import parent, reading, text
from app.catalog.json_value import Json, NotAnObjectError, absent, find, ids_of
from app.catalog.language import Column, Each, Entity, Example, Item, Kind, Paging, Walk

_take_columns = reading("columnConfig.columns")


def _columns(item: Item) -> Json:
    """The columns from left to right, each with the ids of its statuses and its limits. Raises ShapeError."""
    columns = _take_columns(item)
    if not isinstance(columns, list):
        absent(columns)
        return []
    return [_column(column) for column in columns]


def _column(column: Json) -> Json:
    if not isinstance(column, dict):
        raise NotAnObjectError(column)
    return {
        "name": column.get("name"),
        "status_ids": ids_of(column.get("statuses")),
        "min": column.get("min"),
        "max": column.get("max"),
    }


_ESTIMATE = "estimation.field.fieldId"


def _estimation_field(item: Item) -> list[Json]:
    return [{"id": find(item.body, _ESTIMATE), "name": find(item.body, "estimation.field.displayName")}]


ENTITY = Entity(
    name="board_configuration",
    label="Settings of boards",
    position=110,
    refresh=timedelta(hours=24),
    priority=20,
    listed_at=("board.id",),
    belongs_to="board",
    walk=Walk("board/{board_id}/configuration", Paging.WHOLE, "", Each.BOARD, scope_column="board_id", is_single=True),
    webhooks=("board_configuration_changed",),
    columns=(
        parent("board_id", otherwise="id"),
        text("filter_id", "filter.id"),
        text("sub_query", "subQuery.query"),
        Column("board_columns", Kind.JSON, _columns),
        text("constraint_type", "columnConfig.constraintType"),
        text("estimation_type", "estimation.type"),
        Column("estimation_field_id", Kind.TEXT, reading(_ESTIMATE), target="field", carried=_estimation_field),
        text("rank_field_id", "ranking.rankCustomFieldId"),
    ),
    example=Example(
        parent_id="93",
        body={
            "id": 93,
            "name": "K5 board",
            "type": "scrum",
            "filter": {"id": "10093"},
            "columnConfig": {
                "columns": [
                    {"name": "To Do", "statuses": [{"id": "10032"}]},
                    {"name": "In Progress", "statuses": [{"id": "10033"}], "max": 5},
                    {"name": "Done", "statuses": [{"id": "10034"}, {"id": "10035"}]},
                ],
                "constraintType": "issueCount",
            },
            "estimation": {"type": "field", "field": {"fieldId": "customfield_10024", "displayName": "Story Points"}},
            "ranking": {"rankCustomFieldId": 10019},
        },
        row={
            "board_id": "93",
            "filter_id": "10093",
            "sub_query": None,
            "board_columns": [
                {"name": "To Do", "status_ids": ["10032"], "min": None, "max": None},
                {"name": "In Progress", "status_ids": ["10033"], "min": None, "max": 5},
                {"name": "Done", "status_ids": ["10034", "10035"], "min": None, "max": None},
            ],
            "constraint_type": "issueCount",
            "estimation_type": "field",
            "estimation_field_id": "customfield_10024",
            "rank_field_id": "10019",
        },
    ),
)
