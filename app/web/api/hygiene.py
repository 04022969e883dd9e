"""Hygiene of the stored issues: misses by the criteria of the settings, and the issues behind each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from flask import Response  # noqa: TC002 - flask-openapi3 evaluates annotations
from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from app.conditions import Code
from app.errors import Missing
from app.ingest import status
from app.integrations import ledger
from app.integrations.hygiene import Criterion
from app.integrations.settings import IntegrationSettings, storable
from app.web.api.integrations import callers_integration
from app.web.api.shapes import ConditionCode, IntegrationPath, as_json, coded, problems

if TYPE_CHECKING:
    from flask_openapi3 import APIBlueprint

    from app.conditions import Condition
    from app.integrations.model import Integration
    from app.runtime import Runtime

_PROBLEMS = problems(400, 401, 404, 409, 429, 503)
IssueId = Annotated[str, StringConstraints(max_length=2000), AfterValidator(storable)]


class CriterionPath(IntegrationPath):
    """The address of a criterion."""

    criterion: Annotated[str, StringConstraints(max_length=100)] = Field(
        description="Its name, in any case, or its position from 1"
    )


class MissesQuery(BaseModel):
    """The place in a list of issues."""

    cursor: IssueId = Field("", description="The last answer's `next_cursor`")
    limit: int = Field(100, ge=1, le=1000)


class ShownCriterion(Criterion):
    """A criterion of the settings."""

    position: int = Field(description="From 1, in the order of the settings")
    skipped: str | None = Field(description="Why the criterion is not evaluated; null: it is")
    skipped_code: ConditionCode | None = None


class CountedCriterion(ShownCriterion):
    """A criterion and its misses."""

    misses: int | None = Field(description="Open issues in the bad state; null where it is skipped")


class Hygiene(BaseModel):
    """The criteria in the order of the settings."""

    issues: int = Field(description="Open issues, which the criteria apply to: those whose status is not done")
    records: list[CountedCriterion]


class MissingIssue(BaseModel):
    """An issue in the bad state."""

    id: str
    key: str | None


class Misses(BaseModel):
    """Issues in the bad state of one criterion, by id."""

    criterion: ShownCriterion
    records: list[MissingIssue]
    next_cursor: str | None = Field(description="Ask for the issues beyond this; null at the end")


def add(routes: APIBlueprint, runtime: Runtime) -> None:
    """The two calls."""

    @routes.get(
        "/integrations/<integration_id>/hygiene",
        summary="Misses of the hygiene criteria among the open issues",
        responses={200: Hygiene, **_PROBLEMS},
    )
    def show_hygiene(path: IntegrationPath) -> Response:
        return as_json(counts_of(runtime, callers_integration(runtime, path.integration_id)))

    @routes.get(
        "/integrations/<integration_id>/hygiene/<criterion>",
        summary="The issues that miss one criterion",
        responses={200: Misses, **_PROBLEMS},
    )
    def show_misses(path: CriterionPath, query: MissesQuery) -> Response:
        integration = callers_integration(runtime, path.integration_id)
        return as_json(misses_of(runtime, integration, path.criterion, query))


def counts_of(runtime: Runtime, integration: Integration) -> Hygiene:
    """The misses of an integration by criterion; none without a site."""
    if integration.tenant_id is None:
        hygiene = status.hygiene.hygiene_without_site(integration)
    else:
        with ledger.site_session(runtime.store, integration) as session:
            hygiene = status.hygiene.hygiene_of(session, integration)
    return Hygiene(
        issues=hygiene.issues,
        records=[
            CountedCriterion(
                **result.criterion.model_dump(),
                position=position,
                misses=result.misses,
                **coded("skipped", result.skip_reason),
            )
            for position, result in enumerate(hygiene.results, 1)
        ],
    )


def misses_of(runtime: Runtime, integration: Integration, name: str, query: MissesQuery) -> Misses:
    """The issues that miss the criterion of a name or position. Raises Missing."""
    position, criterion = criterion_of(integration, name)
    reason: Condition | None = None
    issues: list[status.hygiene.Miss] = []
    if integration.tenant_id is not None:
        with ledger.site_session(runtime.store, integration) as session:
            reason = status.hygiene.skip_reason(session, integration, criterion)
            if reason is None:
                issues = status.hygiene.misses_of(
                    session, integration, criterion, after=query.cursor, limit=query.limit
                )
    return Misses(
        criterion=ShownCriterion(**criterion.model_dump(), position=position, **coded("skipped", reason)),
        records=[MissingIssue(**vars(issue)) for issue in issues],
        next_cursor=issues[-1].id if len(issues) == query.limit else None,
    )


def criterion_of(integration: Integration, name: str) -> tuple[int, Criterion]:
    """The position and the criterion of a name in any case, or of a position. Raises Missing."""
    settings = IntegrationSettings.model_validate(integration.settings)
    for position, criterion in enumerate(settings.hygiene, 1):
        if name.strip().casefold() in {criterion.name.casefold(), str(position)}:
            return position, criterion
    raise Missing(Code.NO_CRITERION)
