"""A status with its category. Team-managed projects have their own, marked by `scope_project_id`."""

from __future__ import annotations

from datetime import timedelta

from app.catalog.columns import reference, text
from app.catalog.language import Copy, Entity, Example, Paging, Walk

ENTITY = Entity(
    name="status",
    label="Statuses",
    position=150,
    refresh=timedelta(hours=6),
    walk=Walk("status", Paging.WHOLE, "", is_never_empty=True),
    copies=(Copy("issue", "status_id", {"status_name": "name", "status_category": "category_key"}),),
    columns=(
        text("name", "name"),
        text("untranslated_name", "untranslatedName"),
        text("description", "description"),
        text("category_id", "statusCategory.id"),
        text("category_key", "statusCategory.key"),
        text("category_name", "statusCategory.name"),
        text("category_color", "statusCategory.colorName"),
        reference("scope_project_id", "project", "scope.project"),
    ),
    example=Example(
        body={
            "description": "",
            "iconUrl": "https://acme.atlassian.net/",
            "name": "待办",
            "untranslatedName": "To Do",
            "id": "10116",
            "statusCategory": {
                "id": 2,
                "key": "new",
                "colorName": "blue-gray",
                "name": "To Do",
            },
            "scope": {"type": "PROJECT", "project": {"id": "10022"}},
        },
        row={
            "name": "待办",
            "untranslated_name": "To Do",
            "description": None,
            "category_id": "2",
            "category_key": "new",
            "category_name": "To Do",
            "category_color": "blue-gray",
            "scope_project_id": "10022",
        },
    ),
)
