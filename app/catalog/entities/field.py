"""A field of issues. Ids are stable, names are not unique; `schema_custom` identifies the type of a custom field."""

from __future__ import annotations

from datetime import timedelta

from app.catalog.columns import boolean, reference, text, texts
from app.catalog.language import Entity, Example, Paging, Walk

ENTITY = Entity(
    name="field",
    label="Fields",
    position=190,
    refresh=timedelta(hours=6),
    priority=0,
    walk=Walk("field", Paging.WHOLE, "", is_never_empty=True),
    columns=(
        text("key", "key"),
        text("name", "name"),
        text("untranslated_name", "untranslatedName"),
        boolean("is_custom", "custom"),
        boolean("is_searchable", "searchable"),
        texts("clause_names", "clauseNames"),
        text("schema_type", "schema.type"),
        text("schema_items", "schema.items"),
        text("schema_system", "schema.system"),
        text("schema_custom", "schema.custom"),
        text("schema_custom_id", "schema.customId"),
        reference("scope_project_id", "project", "scope.project"),
    ),
    example=Example(
        body={
            "id": "customfield_10020",
            "key": "customfield_10020",
            "name": "Sprint",
            "untranslatedName": "Sprint",
            "custom": True,
            "orderable": True,
            "navigable": True,
            "searchable": True,
            "clauseNames": ["cf[10020]", "Sprint"],
            "schema": {
                "type": "array",
                "items": "json",
                "custom": "com.pyxis.greenhopper.jira:gh-sprint",
                "customId": 10020,
            },
        },
        row={
            "key": "customfield_10020",
            "name": "Sprint",
            "untranslated_name": "Sprint",
            "is_custom": True,
            "is_searchable": True,
            "clause_names": ["cf[10020]", "Sprint"],
            "schema_type": "array",
            "schema_items": "json",
            "schema_system": None,
            "schema_custom": "com.pyxis.greenhopper.jira:gh-sprint",
            "schema_custom_id": "10020",
            "scope_project_id": None,
        },
    ),
)
