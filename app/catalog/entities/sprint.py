"""A sprint. Several boards may show it, and it outlives the board of its origin (`origin_board_id`)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from app.catalog.columns import bare_reference, moment, text
from app.catalog.language import Column, Each, Entity, Example, Item, Kind, Paging, Walk

if TYPE_CHECKING:
    from app.catalog.json_value import Json


def _activated(item: Item) -> Json:
    """The moment of the actual start; `startDate` can be set by hand. Jira has used both names."""
    return item.body.get("activatedDate") or item.body.get("activateDate")


ENTITY = Entity(
    name="sprint",
    label="Sprints",
    position=80,
    refresh=timedelta(hours=6),
    named_at=("sprint.id",),
    issue_columns=("sprint_ids",),
    walk=Walk(
        "board/{board_id}/sprint",
        Paging.OFFSET,
        "values",
        Each.BOARD,
        is_optional=True,
        page_size=50,
        scope_column="origin_board_id",
    ),
    one=Walk("sprint/{id}", Paging.WHOLE, ""),
    webhooks=("sprint_created", "sprint_updated", "sprint_deleted", "sprint_started", "sprint_closed"),
    columns=(
        text("state", "state"),
        text("name", "name"),
        text("goal", "goal"),
        moment("start", "startDate"),
        moment("end", "endDate"),
        moment("complete", "completeDate"),
        moment("created", "createdDate"),
        Column("activated", Kind.MOMENT, _activated),
        bare_reference("origin_board_id", "board", "originBoardId"),
    ),
    example=Example(
        parent_id="8",
        body={
            "id": 7,
            "state": "closed",
            "name": "EE Sprint 7",
            "startDate": "2020-06-12T00:38:51.882Z",
            "endDate": "2020-06-26T00:38:00.000Z",
            "completeDate": "2020-06-22T05:59:58.980Z",
            "createdDate": "2020-06-11T06:20:05.115Z",
            "originBoardId": 8,
            "goal": "",
        },
        row={
            "state": "closed",
            "name": "EE Sprint 7",
            "goal": None,
            "start": "2020-06-12T00:38:51.882Z",
            "end": "2020-06-26T00:38:00.000Z",
            "complete": "2020-06-22T05:59:58.980Z",
            "created": "2020-06-11T06:20:05.115Z",
            "activated": None,
            "origin_board_id": "8",
        },
    ),
)
