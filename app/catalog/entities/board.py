"""A board. A personal board has no project; a simple one belongs to a team-managed project and may have sprints."""

from __future__ import annotations

from datetime import timedelta

from app.catalog.columns import boolean, reading, text
from app.catalog.json_value import Json, find
from app.catalog.language import Column, Entity, Example, Item, Kind, Paging, Walk

_PROJECT = {"id": "projectId", "key": "projectKey", "name": "projectName", "projectTypeKey": "projectTypeKey"}
"""Members of a project's object, and their names in a board's location."""


def _project(item: Item) -> list[Json]:
    return [{name: find(item.body, f"location.{own_name}") for name, own_name in _PROJECT.items()}]


ENTITY = Entity(
    name="board",
    label="Boards",
    position=90,
    refresh=timedelta(hours=6),
    named_at=("board.id",),
    walk=Walk("board", Paging.OFFSET, "values", page_size=50),
    one=Walk("board/{id}", Paging.WHOLE, ""),
    webhooks=("board_created", "board_updated", "board_deleted"),
    columns=(
        text("type", "type"),
        text("name", "name"),
        Column("project_id", Kind.TEXT, reading("location.projectId"), target="project", carried=_project),
        text("project_key", "location.projectKey"),
        boolean("is_private", "isPrivate"),
    ),
    example=Example(
        body={
            "id": 93,
            "name": "K5 board",
            "type": "scrum",
            "location": {
                "projectId": 10050,
                "displayName": "Kilo_5 (K5)",
                "projectName": "Kilo_5",
                "projectKey": "K5",
                "projectTypeKey": "software",
                "name": "Kilo_5 (K5)",
            },
            "isPrivate": False,
        },
        row={"type": "scrum", "name": "K5 board", "project_id": "10050", "project_key": "K5", "is_private": False},
    ),
)
