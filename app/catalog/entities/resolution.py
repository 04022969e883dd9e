"""A resolution: the reason for closing an issue."""

from __future__ import annotations

from datetime import timedelta

from app.catalog.columns import text
from app.catalog.language import Copy, Entity, Example, Paging, Walk

ENTITY = Entity(
    name="resolution",
    label="Resolutions",
    position=180,
    refresh=timedelta(hours=6),
    walk=Walk("resolution", Paging.WHOLE, ""),
    copies=(Copy("issue", "resolution_id", {"resolution_name": "name"}),),
    columns=(text("name", "name"), text("description", "description")),
    example=Example(
        body={
            "id": "10000",
            "description": "事务上的工作已完成。",
            "name": "完成",
        },
        row={"name": "完成", "description": "事务上的工作已完成。"},
    ),
)
