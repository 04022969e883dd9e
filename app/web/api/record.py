"""An integration's records: workers' runs, Jira's deliveries, absent issues, status history."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from flask import Response  # noqa: TC002 - flask-openapi3 reads the annotations of views
from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from app import clock
from app.ingest.planning import inbox
from app.ingest.writing import absences
from app.integrations import ledger
from app.store import activity, validity
from app.web.api.integrations import callers_integration
from app.web.api.shapes import ConditionCode, IntegrationPath, Short, as_json, plain, problems, shown

if TYPE_CHECKING:
    from flask_openapi3 import APIBlueprint

    from app.integrations.model import Integration
    from app.runtime import Runtime

_PROBLEMS = problems(400, 401, 404, 409, 429, 503)


class ActivityQuery(BaseModel):
    """Filters for runs."""

    limit: int = Field(50, ge=1, le=activity.MAX_RUNS)
    before: AwareDatetime | None = Field(None, description="Only what began before; the last answer's `next_before`")
    job: Short | None = Field(None, description="Only this job")


class Run(BaseModel):
    """One run of a job."""

    id: str
    job: str
    started_at: str
    finished_at: str | None
    seconds: float | None = Field(description="Duration; null while it runs")
    retries: int = Field(description="Runs of this job before it, in a row, that did not end well")
    result: str = Field(description="running, done, put off, failed or killed")
    detail: str | None
    detail_code: ConditionCode | None = None
    error: str | None
    error_code: ConditionCode | None = None


class Activity(BaseModel):
    """Runs, newest first."""

    records: list[Run]
    next_before: str | None = Field(description="Ask for what began before this; null at the end")


class DeliveriesQuery(BaseModel):
    """The period of the deliveries."""

    hours: int = Field(24, ge=1, le=168)


class DeliveryHour(BaseModel):
    """Jira's deliveries of an hour."""

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
    """Filters for absences."""

    state: Annotated[str, StringConstraints(pattern="^(open|settled|all)$")] = "all"
    limit: int = Field(100, ge=1, le=1000)


class Absence(BaseModel):
    """An issue that a sweep did not see, and its fate."""

    issue_id: str
    project_id: str | None
    cause: str = Field(
        description="unknown, deleted, moved, archived, hidden, permission lost or not indexed yet",
        examples=["deleted"],
    )
    evidence: str | None = Field(description="The source of the cause")
    evidence_code: ConditionCode | None = None
    sweeps: int = Field(description="How many sweeps in a row did not see it")
    missed_at: str
    settled_at: str | None


class Absences(BaseModel):
    """Absences, latest first."""

    records: list[Absence]


class Span(BaseModel):
    """A status's name and category, from when to when."""

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
        "/integrations/<integration_id>/activity",
        summary="Runs of workers: start, duration, retries, result, error",
        responses={200: Activity, **_PROBLEMS},
    )
    def show_activity(path: IntegrationPath, query: ActivityQuery) -> Response:
        return as_json(activity_of(runtime, callers_integration(runtime, path.integration_id), query))

    @routes.get(
        "/integrations/<integration_id>/deliveries",
        summary="Jira's webhooks by the hour: received, sent again, late",
        responses={200: Deliveries, **_PROBLEMS},
    )
    def show_deliveries(path: IntegrationPath, query: DeliveriesQuery) -> Response:
        return as_json(deliveries_of(runtime, callers_integration(runtime, path.integration_id), query))

    @routes.get(
        "/integrations/<integration_id>/absences",
        summary="Issues that a sweep did not see, and why",
        responses={200: Absences, **_PROBLEMS},
    )
    def show_absences(path: IntegrationPath, query: AbsencesQuery) -> Response:
        return as_json(absences_of(runtime, callers_integration(runtime, path.integration_id), query))

    @routes.get(
        "/integrations/<integration_id>/status-history",
        summary="Each status's name and category, from when to when",
        responses={200: Spans, **_PROBLEMS},
    )
    def show_spans(path: IntegrationPath) -> Response:
        return as_json(spans_of(runtime, callers_integration(runtime, path.integration_id)))


def activity_of(runtime: Runtime, integration: Integration, query: ActivityQuery) -> Activity:
    """The runs for an integration."""
    runs: list[activity.Run] = []
    if integration.tenant_id is not None:
        with ledger.site_session(runtime.store, integration) as session:
            runs = activity.listed(session, limit=query.limit, before=query.before, job=query.job)
    records = [Run(**{**plain(entry), "id": str(entry.id), "seconds": _seconds(entry)}) for entry in runs]
    is_full = len(runs) == query.limit
    return Activity(records=records, next_before=runs[-1].started_at.isoformat() if is_full else None)


def deliveries_of(runtime: Runtime, integration: Integration, query: DeliveriesQuery) -> Deliveries:
    """Jira's webhooks for an integration."""
    hours: list[inbox.Hour] = []
    backlog = 0
    if integration.tenant_id is not None:
        with ledger.site_session(runtime.store, integration) as session:
            hours = inbox.by_hour(session, since=clock.now() - timedelta(hours=query.hours))
            backlog = inbox.waiting(session, is_ours=False)
    sums = {name: sum(getattr(hour, name) for hour in hours) for name in ("received", "duplicated", "late", "given_up")}
    return Deliveries(waiting=backlog, **sums, hours=[DeliveryHour(**plain(hour)) for hour in hours])


def absences_of(runtime: Runtime, integration: Integration, query: AbsencesQuery) -> Absences:
    """The absences of an integration."""
    absent_issues: list[absences.Absence] = []
    if integration.tenant_id is not None:
        is_open = {"open": True, "settled": False}.get(query.state)
        with ledger.site_session(runtime.store, integration) as session:
            absent_issues = absences.listed(session, limit=query.limit, is_open=is_open)
    return Absences(records=[Absence(**plain(absence)) for absence in absent_issues])


def spans_of(runtime: Runtime, integration: Integration) -> Spans:
    """The history of an integration's statuses."""
    spans: list[dict[str, Any]] = []
    if integration.tenant_id is not None:
        with ledger.site_session(runtime.store, integration) as session:
            spans = validity.spans(session, "status")
    return Spans(records=[Span(**{name: shown(value) for name, value in span.items()}) for span in spans])


def _seconds(entry: activity.Run) -> float | None:
    return (entry.finished_at - entry.started_at).total_seconds() if entry.finished_at else None
