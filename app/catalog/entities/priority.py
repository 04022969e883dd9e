"""A priority. The endpoint is deprecated but works; its paged successor returns the same objects."""

from __future__ import annotations

from datetime import timedelta

from app.catalog.columns import boolean, text
from app.catalog.language import Copy, Entity, Example, Paging, Walk

ENTITY = Entity(
    name="priority",
    label="Priorities",
    position=170,
    refresh=timedelta(hours=6),
    walk=Walk("priority", Paging.WHOLE, "", is_never_empty=True),
    copies=(Copy("issue", "priority_id", {"priority_name": "name"}),),
    columns=(
        text("name", "name"),
        text("description", "description"),
        text("color", "statusColor"),
        boolean("is_default", "isDefault"),
    ),
    example=Example(
        body={
            "statusColor": "#ffab00",
            "description": "Has the potential to affect progress.",
            "iconUrl": "https://acme.atlassian.net/images/icons/priorities/medium.svg",
            "name": "Medium",
            "id": "3",
            "isDefault": True,
        },
        row={
            "name": "Medium",
            "description": "Has the potential to affect progress.",
            "color": "#ffab00",
            "is_default": True,
        },
    ),
)
