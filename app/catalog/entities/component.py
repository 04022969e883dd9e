"""A component of a project."""

from __future__ import annotations

from datetime import timedelta

from app.catalog.columns import account, parent, text
from app.catalog.language import Each, Entity, Example, Paging, Walk

ENTITY = Entity(
    name="component",
    label="Components",
    position=130,
    refresh=timedelta(hours=12),
    issue_columns=("component_ids",),
    belongs_to="project",
    walk=Walk("project/{project_id}/component", Paging.OFFSET, "values", Each.PROJECT, scope_column="project_id"),
    columns=(
        parent("project_id", otherwise="projectId"),
        text("name", "name"),
        text("description", "description"),
        account("lead_id", "lead"),
        account("assignee_id", "assignee"),
        text("assignee_type", "assigneeType"),
    ),
    example=Example(
        parent_id="10003",
        body={
            "id": "10011",
            "name": "Charts",
            "description": "Everything that draws",
            "lead": {"accountId": "58199f9a2b6f4d0b33b34209", "displayName": "Lane Heath", "active": True},
            "assigneeType": "COMPONENT_LEAD",
            "assignee": {"accountId": "58199f9a2b6f4d0b33b34209", "displayName": "Lane Heath", "active": True},
            "realAssigneeType": "COMPONENT_LEAD",
            "isAssigneeTypeValid": True,
            "issueCount": 12,
            "project": "EE",
            "projectId": 10003,
        },
        row={
            "project_id": "10003",
            "name": "Charts",
            "description": "Everything that draws",
            "lead_id": "58199f9a2b6f4d0b33b34209",
            "assignee_id": "58199f9a2b6f4d0b33b34209",
            "assignee_type": "COMPONENT_LEAD",
        },
    ),
)
