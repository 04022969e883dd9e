"""A version (release) of a project. `overdue` is left out: it depends on the day of the request, not on the version."""

from __future__ import annotations

from datetime import timedelta

from app.catalog.columns import boolean, date, parent, text
from app.catalog.language import Each, Entity, Example, Paging, Walk

ENTITY = Entity(
    name="version",
    label="Versions",
    position=140,
    refresh=timedelta(hours=12),
    listed_at=("version.projectId", "mergedTo.projectId"),
    issue_columns=("fix_version_ids", "affected_version_ids"),
    belongs_to="project",
    walk=Walk("project/{project_id}/version", Paging.OFFSET, "values", Each.PROJECT, scope_column="project_id"),
    webhooks=(
        "jira:version_created",
        "jira:version_updated",
        "jira:version_released",
        "jira:version_unreleased",
        "jira:version_moved",
        "jira:version_deleted",
        "jira:version_merged",
    ),
    columns=(
        parent("project_id", otherwise="projectId"),
        text("name", "name"),
        text("description", "description"),
        boolean("released", "released"),
        boolean("archived", "archived"),
        date("start_date", "startDate"),
        date("release_date", "releaseDate"),
    ),
    example=Example(
        parent_id="10003",
        body={
            "id": "10026",
            "description": "Charts",
            "name": "v2.7.0",
            "archived": False,
            "released": True,
            "startDate": "2020-06-12",
            "releaseDate": "2020-07-10",
            "userStartDate": "12/Jun/20",
            "userReleaseDate": "10/Jul/20",
            "projectId": 10003,
        },
        row={
            "project_id": "10003",
            "name": "v2.7.0",
            "description": "Charts",
            "released": True,
            "archived": False,
            "start_date": "2020-06-12",
            "release_date": "2020-07-10",
        },
    ),
)
