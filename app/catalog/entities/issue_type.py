"""An issue type and its level: 1 and above are epics, 0 is work, -1 a sub-task."""

from __future__ import annotations

from datetime import timedelta

from app.catalog.columns import boolean, integer, reference, text
from app.catalog.language import Copy, Entity, Example, Paging, Walk

ENTITY = Entity(
    name="issue_type",
    label="Issue types",
    position=160,
    refresh=timedelta(hours=6),
    listed_at=(),
    walk=Walk("issuetype", Paging.WHOLE, "", is_never_empty=True),
    webhooks=("issuetype_created", "issuetype_updated", "issuetype_deleted"),
    copies=(
        Copy(
            "issue",
            "issue_type_id",
            {"issue_type_name": "name", "is_subtask": "is_subtask", "hierarchy_level": "hierarchy_level"},
        ),
    ),
    columns=(
        text("name", "name"),
        text("untranslated_name", "untranslatedName"),
        text("description", "description"),
        boolean("is_subtask", "subtask"),
        integer("hierarchy_level", "hierarchyLevel"),
        reference("scope_project_id", "project", "scope.project"),
    ),
    example=Example(
        body={
            "id": "10003",
            "description": "大任务中的小任务。",
            "name": "子任务",
            "untranslatedName": "Sub-task",
            "subtask": True,
            "avatarId": 10316,
            "hierarchyLevel": -1,
        },
        row={
            "name": "子任务",
            "untranslated_name": "Sub-task",
            "description": "大任务中的小任务。",
            "is_subtask": True,
            "hierarchy_level": -1,
            "scope_project_id": None,
        },
    ),
)
