"""Calls on integrations."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from flask import Response, request

from app import actions, clock
from app.conditions import Code
from app.errors import Conflicting, Malformed, Unavailable
from app.ingest import status
from app.ingest.planning import site_clock
from app.integrations import ledger
from app.integrations.model import State
from app.store import claims, poison
from app.tenants.keyring import tenant_by_id
from app.web import guard
from app.web.api.shapes import (
    ChangeIntegration,
    CreateIntegration,
    EntityProgress,
    IntegrationPath,
    Integrations,
    ListQuery,
    Metadata,
    OneTimePassword,
    ParkedRecord,
    Problem,
    ShownCheck,
    ShownIntegration,
    ShownProgress,
    SyncIntegration,
    Validation,
    coded,
    problems,
)

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from uuid import UUID

    from flask_openapi3 import APIBlueprint
    from pydantic import BaseModel

    from app.integrations.model import Integration
    from app.runtime import Runtime
    from app.store.poison import Parked
    from app.store.session import Session

_PROBLEMS = problems(400, 401, 404, 409, 429, 503)


def add(routes: APIBlueprint, runtime: Runtime) -> None:
    """The calls, in the order in which an SEI admin makes them."""
    _add_book_keeping(routes, runtime)
    _add_pairing(routes, runtime)
    _add_running(routes, runtime)


def _add_book_keeping(routes: APIBlueprint, runtime: Runtime) -> None:
    @routes.post("/integrations", summary="Create an integration", responses={201: ShownIntegration, **_PROBLEMS})
    def create(body: CreateIntegration) -> Response:
        with callers_session(runtime) as session:
            integration = ledger.create(session, guard.account().id, body.draft())
        return _json(ShownIntegration.of(integration, None), 201)

    @routes.get("/integrations", summary="List integrations", responses={200: Integrations, **_PROBLEMS})
    def list_them(query: ListQuery) -> Response:
        with callers_session(runtime) as session:
            listing = ledger.page_of(
                session, guard.account().id, page=query.page, page_size=query.page_size, search=query.search
            )
        has_next = query.page * query.page_size < listing.total
        meta = Metadata(page=query.page, page_size=query.page_size, has_next=has_next, total_count=listing.total)
        records = [_shown(runtime, integration) for integration in listing.integrations]
        return _json(Integrations.model_validate({"records": records, "_metadata": meta}))

    @routes.get(
        "/integrations/<integration_id>", summary="One integration", responses={200: ShownIntegration, **_PROBLEMS}
    )
    def show(path: IntegrationPath) -> Response:
        return _json(_shown(runtime, callers_integration(runtime, path.integration_id)))

    @routes.patch(
        "/integrations/<integration_id>",
        summary="Change name, description, tags or settings",
        responses={200: ShownIntegration, **_PROBLEMS},
    )
    def change(path: IntegrationPath, body: ChangeIntegration) -> Response:
        with callers_session(runtime) as session:
            integration = actions.change_settings(session, path.integration_id, body.changes())
        return _json(_shown(runtime, integration))

    @routes.delete(
        "/integrations/<integration_id>",
        summary="Delete an integration and, by a job, its data",
        responses={202: ShownIntegration, **_PROBLEMS},
    )
    def delete(path: IntegrationPath) -> Response:
        with callers_session(runtime) as session:
            integration = actions.delete(session, runtime.otp_store, path.integration_id)
        return _json(ShownIntegration.of(integration, None), 202)


def _add_pairing(routes: APIBlueprint, runtime: Runtime) -> None:
    @routes.post(
        "/integrations/<integration_id>/otp",
        summary="Generate the one-time password; a new one revokes the old",
        responses={201: OneTimePassword, **_PROBLEMS},
    )
    def mint(path: IntegrationPath) -> Response:
        password = runtime.mint.mint(guard.account().id, path.integration_id)
        expires_at = clock.rfc3339(password.expires_at)
        return _json(OneTimePassword(otp=password.otp, expires_at=expires_at, expires_in=password.expires_in), 201)

    @routes.post(
        "/integrations/<integration_id>/validate",
        summary="Check the connection",
        responses={200: Validation, **_PROBLEMS},
    )
    def check(path: IntegrationPath) -> Response:
        checks = actions.check_connection(
            runtime.store, runtime.sites, callers_integration(runtime, path.integration_id)
        )
        return _json(
            Validation(
                ok=all(check.ok for check in checks if check.is_required),
                checks=[
                    ShownCheck(name=check.name, ok=check.ok, **coded("detail", check.condition)) for check in checks
                ],
            )
        )

    @routes.post(
        "/integrations/<integration_id>/reauthenticate",
        summary="Give new credentials; an integration of the Jira app has none of its own",
        responses={200: ShownIntegration, **_PROBLEMS},
    )
    def reauthenticate(path: IntegrationPath) -> Response:
        actions.reauthenticate(callers_integration(runtime, path.integration_id))


def _add_running(routes: APIBlueprint, runtime: Runtime) -> None:
    @routes.get(
        "/integrations/<integration_id>/progress",
        summary="How far it is, by entity",
        responses={200: ShownProgress, **_PROBLEMS},
    )
    def progress(path: IntegrationPath) -> Response:
        return _json(progress_of(runtime, callers_integration(runtime, path.integration_id)))

    @routes.post(
        "/integrations/<integration_id>/pause", summary="Stop pulling", responses={200: ShownIntegration, **_PROBLEMS}
    )
    def pause(path: IntegrationPath) -> Response:
        with callers_session(runtime) as session:
            integration = actions.pause(session, path.integration_id)
        return _json(_shown(runtime, integration))

    @routes.post(
        "/integrations/<integration_id>/resume",
        summary="Pull again and catch up",
        responses={200: ShownIntegration, **_PROBLEMS},
    )
    def resume(path: IntegrationPath) -> Response:
        with callers_session(runtime) as session:
            integration = actions.resume(session, path.integration_id)
        return _json(_shown(runtime, integration))

    @routes.post(
        "/integrations/<integration_id>/sync",
        summary="Read what changed now, or the whole site again",
        description="Brings forward the periodic jobs that find changes and verify the result. With `full`, the whole site"
        " is planned and walked again. 409 while the integration is paused or not connected.",
        responses={202: ShownIntegration, **_PROBLEMS},
    )
    def sync(path: IntegrationPath, body: SyncIntegration) -> Response:
        _require_json_or_nothing()
        integration = callers_integration(runtime, path.integration_id)
        return _json(_shown(runtime, actions.sync(runtime.store, integration, is_full=body.full)), 202)


def callers_session(runtime: Runtime) -> AbstractContextManager[Session]:
    """A session bound to the calling account."""
    return runtime.store.bound_to_account(guard.account().id)


def callers_integration(runtime: Runtime, integration_id: UUID) -> Integration:
    """The integration, if it is the calling account's. Raises Missing."""
    with callers_session(runtime) as session:
        return ledger.get(session, integration_id)


def site_url_of(runtime: Runtime, integration: Integration) -> str | None:
    """The address of an integration's site, for links; None where it has none."""
    try:
        with ledger.site_session(runtime.store, integration) as session:
            tenant = tenant_by_id(session, session.tenant_id)
    except Conflicting:
        return None
    return tenant.site_url if tenant else None


def progress_of(runtime: Runtime, integration: Integration) -> ShownProgress:
    """Rows by entity, parked records, problems and the time left of an integration."""
    shape = ShownProgress(
        state=integration.state,
        **coded("state_reason", integration.state_reason),
        entities=[],
        parked=[],
        parked_total=0,
        values_left_out=0,
        problems=[],
        started_at=clock.rfc3339(integration.started_at) if integration.started_at else None,
        last_ingested_at=clock.rfc3339(integration.last_ingested_at) if integration.last_ingested_at else None,
        verified_at=clock.rfc3339(integration.verified_at) if integration.verified_at else None,
    )
    if integration.tenant_id is None:
        return shape
    # Before the rows: the check of the pairing that follows them covers the points as well.
    with suppress(Unavailable):
        shape.points_this_hour = runtime.limiter.accounts.spent(str(integration.tenant_id), clock.now())
    with ledger.site_session(runtime.store, integration) as session:
        shape.entities = [EntityProgress(**vars(progress)) for progress in status.progress.by_entity(session)]
        shape.parked = [_parked(record) for record in poison.newest(session, _PAGE_SIZE)]
        shape.parked_total, shape.values_left_out = poison.count(session), poison.count_values(session)
        shape.problems = [_problem(problem) for problem in claims.problems(session, _PAGE_SIZE)]
        if (skew := site_clock.skew(session)) is not None:
            shape.clock_skew_seconds = round(skew.total_seconds())
        if integration.state is State.BACKFILLING and claims.is_counted(session):
            shape.seconds_left = _seconds_left(integration, shape.entities)
    return shape


def _seconds_left(integration: Integration, entities: list[EntityProgress]) -> int | None:
    """Estimate from the issues, which are nearly all of the work; None while too few are stored."""
    issues = next((progress for progress in entities if progress.entity == "issue"), None)
    if integration.started_at is None or issues is None or not issues.expected:
        return None
    if issues.done < issues.expected / _LEAST_PART:
        return None
    seconds = (clock.now() - integration.started_at).total_seconds()
    return round(seconds * max(0, issues.expected - issues.done) / issues.done)


_LEAST_PART = 20
"""One issue in so many must be stored before their pace says something."""
_PAGE_SIZE = 100
"""Parked records and problems that progress lists."""


def _parked(record: Parked) -> ParkedRecord:
    seen_at = clock.rfc3339(record.seen_at) if record.seen_at else ""
    return ParkedRecord(**{**vars(record), **coded("reason", record.reason), "seen_at": seen_at})


def _problem(chunk: claims.Problem) -> Problem:
    return Problem(**{**vars(chunk), **coded("problem", chunk.problem)})


def _shown(runtime: Runtime, integration: Integration) -> ShownIntegration:
    return ShownIntegration.of(integration, site_url_of(runtime, integration))


def _require_json_or_nothing() -> None:
    """Raises Malformed for a body that is no JSON, which would otherwise count as none."""
    if request.get_data() and request.get_json(silent=True) is None:
        raise Malformed(Code.NOT_JSON)


def _json(shape: BaseModel, status_code: int = 200) -> Response:
    return Response(shape.model_dump_json(by_alias=True), status_code, mimetype="application/json")
