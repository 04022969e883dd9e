"""What an integration has on record: how complete it was found, what workers did, what Jira delivered, what went missing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from flask import Response
from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from app import clock
from app.ingest.planning import inbox
from app.ingest.status import progress
from app.ingest.writing import absences, project_access
from app.store import activity, validity
from app.web.api.integrations import held_by_caller
from app.web.api.shapes import IntegrationPath, problems

if TYPE_CHECKING:
    from flask_openapi3 import APIBlueprint

    from app.integrations.model import Integration
    from app.runtime import Runtime

_PROBLEMS = problems(400, 401, 404, 429, 503)
Short = Annotated[str, StringConstraints(max_length=64, pattern=r"^[a-z_]*$")]
ProjectId = Annotated[str, StringConstraints(max_length=20, pattern=r"^[0-9]*$")]


class CompletenessQuery(BaseModel):
    """Which findings."""

    entity: Short | None = Field(None, description="Only this entity")
    project: ProjectId | None = Field(None, description="Only this project's, by Jira's id")
    history: bool = Field(default=False, description="All findings that are kept, not only the latest of each")
    limit: int = Field(500, ge=1, le=5000)


class Finding(BaseModel):
    """What was stored of an entity and what the site said it had, at a moment, by a method."""

    entity: str
    project_id: str | None = Field(description="Jira's id; null where the whole site was counted")
    project_key: str | None
    stored: int
    expected: int
    difference: int = Field(
        description="Stored less expected: below 0 rows are missing, above 0 the site has lost some"
    )
    suspected: int = Field(description="Stored rows that a sweep did not see and that wait for a second look")
    is_complete: bool
    method: str
    verified_at: str


class Findings(BaseModel):
    """Findings, latest first."""

    verified_at: str | None = Field(description="When everything was last verified complete")
    frozen_projects: dict[str, str] = Field(description="Projects that the app lost sight of, by id, and why")
    records: list[Finding]


class ActivityQuery(BaseModel):
    """Which runs."""

    limit: int = Field(50, ge=1, le=activity.MAX_RUNS)
    before: AwareDatetime | None = Field(None, description="Only what began before; the last answer's `next_before`")
    job: Short | None = Field(None, description="Only this job")


class Run(BaseModel):
    """One run of a job."""

    id: str
    job: str
    started_at: str
    finished_at: str | None
    seconds: float | None = Field(description="How long it took; null while it runs")
    retries: int = Field(description="Runs of this job before it, in a row, that did not end well")
    result: str = Field(description="running, done, put off, failed or killed")
    detail: str | None
    error: str | None


class Activity(BaseModel):
    """Runs, newest first."""

    records: list[Run]
    next_before: str | None = Field(description="Ask for what began before this; null at the end")


class DeliveriesQuery(BaseModel):
    """How far back."""

    hours: int = Field(24, ge=1, le=168)


class DeliveryHour(BaseModel):
    """What Jira delivered in an hour."""

    hour: str
    received: int
    duplicated: int = Field(description="Sent again by Jira and dropped")
    late: int = Field(description="Arrived more than 30 seconds after it happened")
    seconds: float | None = Field(description="Mean time from arrival until the rows were stored")
    given_up: int = Field(description="Could not be applied; polls and sweeps make up for them")


class Deliveries(BaseModel):
    """Jira's webhooks, newest hour first; hours without any are left out."""

    waiting: int = Field(description="Not yet applied")
    received: int
    duplicated: int
    late: int
    given_up: int
    hours: list[DeliveryHour]


class AbsencesQuery(BaseModel):
    """Which absences."""

    state: Annotated[str, StringConstraints(pattern="^(open|settled|all)$")] = "all"
    limit: int = Field(100, ge=1, le=1000)


class Absence(BaseModel):
    """An issue that a sweep did not see, and what has become of it."""

    issue_id: str
    project_id: str | None
    cause: str = Field(
        description="unknown, deleted, moved, archived, hidden, permission lost or not indexed yet",
        examples=["deleted"],
    )
    evidence: str | None = Field(description="What says so")
    sweeps: int = Field(description="How many sweeps in a row did not see it")
    missed_at: str
    settled_at: str | None


class Absences(BaseModel):
    """Absences, latest first."""

    records: list[Absence]


class Span(BaseModel):
    """What a status was, from when to when."""

    id: str
    name: str | None
    category_key: str | None
    category_name: str | None
    valid_from: str
    valid_to: str | None = Field(description="Null for what holds now")


class Spans(BaseModel):
    """Spans of all statuses, by status and time."""

    records: list[Span]


def add(routes: APIBlueprint, runtime: Runtime) -> None:
    """The calls."""

    @routes.get(
        "/integrations/<integration_id>/completeness",
        summary="What is stored against what the site has, by project and entity",
        responses={200: Findings, **_PROBLEMS},
    )
    def show_completeness(path: IntegrationPath, query: CompletenessQuery) -> Response:
        return _json(findings_of(runtime, held_by_caller(runtime, path.integration_id), query))

    @routes.get(
        "/integrations/<integration_id>/activity",
        summary="What workers did: start, duration, retries, result, error",
        responses={200: Activity, **_PROBLEMS},
    )
    def show_activity(path: IntegrationPath, query: ActivityQuery) -> Response:
        return _json(activity_of(runtime, held_by_caller(runtime, path.integration_id), query))

    @routes.get(
        "/integrations/<integration_id>/deliveries",
        summary="Jira's webhooks by the hour: received, sent again, late",
        responses={200: Deliveries, **_PROBLEMS},
    )
    def show_deliveries(path: IntegrationPath, query: DeliveriesQuery) -> Response:
        return _json(deliveries_of(runtime, held_by_caller(runtime, path.integration_id), query))

    @routes.get(
        "/integrations/<integration_id>/absences",
        summary="Issues that a sweep did not see, and why",
        responses={200: Absences, **_PROBLEMS},
    )
    def show_absences(path: IntegrationPath, query: AbsencesQuery) -> Response:
        return _json(absences_of(runtime, held_by_caller(runtime, path.integration_id), query))

    @routes.get(
        "/integrations/<integration_id>/status-history",
        summary="What each status was called and in which category, from when to when",
        responses={200: Spans, **_PROBLEMS},
    )
    def show_spans(path: IntegrationPath) -> Response:
        return _json(spans_of(runtime, held_by_caller(runtime, path.integration_id)))


def findings_of(runtime: Runtime, held: Integration, query: CompletenessQuery) -> Findings:
    """The findings of an integration."""
    found: list[progress.Kept] = []
    frozen: dict[str, str] = {}
    if held.tenant_id is not None:
        with runtime.store.bound_to(held.tenant_id) as session:
            found = progress.kept(
                session, entity=query.entity, scope_id=query.project, is_history=query.history, limit=query.limit
            )
            frozen = project_access.frozen(session)
    return Findings(
        verified_at=_moment(held.verified_at),
        frozen_projects=frozen,
        records=[Finding(**{**_plain(each), "project_id": each.scope_id or None}) for each in found],
    )


def activity_of(runtime: Runtime, held: Integration, query: ActivityQuery) -> Activity:
    """The runs for an integration."""
    found: list[activity.Run] = []
    if held.tenant_id is not None:
        with runtime.store.bound_to(held.tenant_id) as session:
            found = activity.listed(session, limit=query.limit, before=query.before, job=query.job)
    records = [Run(**{**_plain(each), "id": str(each.id), "seconds": _seconds(each)}) for each in found]
    is_full = len(found) == query.limit
    return Activity(records=records, next_before=found[-1].started_at.isoformat() if is_full else None)


def deliveries_of(runtime: Runtime, held: Integration, query: DeliveriesQuery) -> Deliveries:
    """Jira's webhooks for an integration."""
    hours: list[inbox.Hour] = []
    waiting = 0
    if held.tenant_id is not None:
        with runtime.store.bound_to(held.tenant_id) as session:
            hours = inbox.by_hour(session, since=clock.now() - timedelta(hours=query.hours))
            waiting = inbox.waiting(session, own=False)
    sums = {name: sum(getattr(each, name) for each in hours) for name in ("received", "duplicated", "late", "given_up")}
    return Deliveries(waiting=waiting, **sums, hours=[DeliveryHour(**_plain(each)) for each in hours])


def absences_of(runtime: Runtime, held: Integration, query: AbsencesQuery) -> Absences:
    """The absences of an integration."""
    found: list[absences.Absence] = []
    if held.tenant_id is not None:
        is_open = {"open": True, "settled": False}.get(query.state)
        with runtime.store.bound_to(held.tenant_id) as session:
            found = absences.listed(session, limit=query.limit, is_open=is_open)
    return Absences(records=[Absence(**_plain(each)) for each in found])


def spans_of(runtime: Runtime, held: Integration) -> Spans:
    """What the statuses of an integration were."""
    found: list[dict[str, Any]] = []
    if held.tenant_id is not None:
        with runtime.store.bound_to(held.tenant_id) as session:
            found = validity.spans(session, "status")
    return Spans(records=[Span(**{name: _shown(value) for name, value in each.items()}) for each in found])


def _seconds(run: activity.Run) -> float | None:
    return (run.finished_at - run.started_at).total_seconds() if run.finished_at else None


def _plain(found: object) -> dict[str, Any]:
    return {name: _shown(value) for name, value in vars(found).items()}


def _shown(value: object) -> object:
    return clock.rfc3339(value) if isinstance(value, datetime) else value


def _moment(value: datetime | None) -> str | None:
    return clock.rfc3339(value) if value else None


def _json(shape: BaseModel) -> Response:
    return Response(shape.model_dump_json(), mimetype="application/json")
