"""Completeness of an integration: stored rows against the site's own counts, and the parts that can't be had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from flask import Response  # noqa: TC002 - flask-openapi3 reads the annotations of views
from pydantic import BaseModel, Field, StringConstraints

from app import clock
from app.conditions import Code, Condition
from app.ingest import status
from app.ingest.writing import project_access
from app.integrations import ledger
from app.web.api.integrations import callers_integration
from app.web.api.shapes import IntegrationPath, Short, as_json, plain, problems
from app.web.words.sentences import english, remedy

if TYPE_CHECKING:
    from flask_openapi3 import APIBlueprint

    from app.ingest.status import Kept
    from app.integrations.model import Integration
    from app.runtime import Runtime

_PROBLEMS = problems(400, 401, 404, 409, 429, 503)
ProjectId = Annotated[str, StringConstraints(max_length=20, pattern=r"^[0-9]*$")]


class CompletenessQuery(BaseModel):
    """Filters for findings."""

    entity: Short | None = Field(None, description="Only this entity")
    project: ProjectId | None = Field(None, description="Only this project's, by Jira's id")
    history: bool = Field(default=False, description="All findings that are kept, not only the latest of each")
    limit: int = Field(500, ge=1, le=5000)


class Finding(BaseModel):
    """Stored and expected rows of an entity at a moment, and the method of counting."""

    entity: str
    project_id: str | None = Field(description="Jira's id; null where the whole site was counted")
    project_key: str | None
    stored: int
    expected: int
    difference: int = Field(
        description="Stored less expected: below 0 rows are missing, above 0 the site has lost some"
    )
    suspected: int = Field(description="Stored rows that a sweep did not see and that wait for a second look")
    unreadable: int = Field(description="Missing rows of the parts below, which can't be had")
    is_complete: bool
    method: str
    verified_at: str


class UnreadablePart(BaseModel):
    """A part of the site that can't be had while the rest can."""

    entity: str = Field(description="The entity whose rows are missing")
    scope: str = Field(description="Name of the project, board, issue or object; empty for the whole site")
    scope_id: str
    is_object: bool = Field(description="True: a single object. False: the entity's list of the scope")
    reason: Code
    message: str
    remedy: str = Field(description="What to do about it")
    tries: int
    since: str
    retry_at: str


class Findings(BaseModel):
    """Findings, latest first."""

    verified_at: str | None = Field(description="When everything was last verified complete")
    frozen_projects: dict[str, str] = Field(description="Projects that the app lost sight of, by id, and why")
    frozen_project_codes: dict[str, Code] = Field(description="The conditions behind these sentences, by id")
    records: list[Finding]
    unreadable: list[UnreadablePart] = Field(description="Parts that can't be had, oldest first; each is tried again")


def add(routes: APIBlueprint, runtime: Runtime) -> None:
    """The call."""

    @routes.get(
        "/integrations/<integration_id>/completeness",
        summary="Stored rows against the site's own counts, by project and entity",
        responses={200: Findings, **_PROBLEMS},
    )
    def show_completeness(path: IntegrationPath, query: CompletenessQuery) -> Response:
        return as_json(findings_of(runtime, callers_integration(runtime, path.integration_id), query))


def findings_of(runtime: Runtime, integration: Integration, query: CompletenessQuery) -> Findings:
    """The findings of an integration."""
    findings: list[Kept] = []
    frozen_projects: dict[str, Condition] = {}
    unreadable_parts: list[status.UnreadablePart] = []
    if integration.tenant_id is not None:
        with ledger.site_session(runtime.store, integration) as session:
            findings = status.progress.kept(
                session, entity=query.entity, scope_id=query.project, is_history=query.history, limit=query.limit
            )
            frozen_projects = project_access.frozen(session)
            unreadable_parts = status.diagnostics.unreadable_parts(session)
    return Findings(
        verified_at=clock.rfc3339(integration.verified_at) if integration.verified_at else None,
        frozen_projects={project_id: english(reason) for project_id, reason in frozen_projects.items()},
        frozen_project_codes={project_id: reason.code for project_id, reason in frozen_projects.items()},
        records=[Finding(**{**plain(finding), "project_id": finding.scope_id or None}) for finding in findings],
        unreadable=[UnreadablePart(**_part(part)) for part in unreadable_parts],
    )


def _part(part: status.UnreadablePart) -> dict[str, Any]:
    return {**plain(part), "reason": part.reason.code, "message": english(part.reason), "remedy": remedy(part.reason)}
