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
from app.sources import Method
from app.store import claims, poison
from app.tenants import direct
from app.tenants.keyring import tenant_by_id
from app.web import guard
from app.web.api.shapes import (
    ChangeIntegration,
    EntityProgress,
    IntegrationPath,
    Integrations,
    ListQuery,
    Metadata,
    ParkedRecord,
    Problem,
    ShownIntegration,
    ShownProgress,
    SyncIntegration,
    as_json,
    coded,
    problems,
)

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from uuid import UUID

    from flask_openapi3 import APIBlueprint

    from app.integrations.model import Integration
    from app.runtime import Runtime
    from app.store.poison import Parked
    from app.store.session import Session

_PROBLEMS = problems(400, 401, 404, 409, 429, 503)


def add(routes: APIBlueprint, runtime: Runtime) -> None:
    """The calls, in the order in which an SEI admin makes them."""
    _add_book_keeping(routes, runtime)
    _add_running(routes, runtime)


def _add_book_keeping(routes: APIBlueprint, runtime: Runtime) -> None:
    @routes.get("/integrations", summary="List integrations", responses={200: Integrations, **_PROBLEMS})
    def list_them(query: ListQuery) -> Response:
        with callers_session(runtime) as session:
            listing = ledger.page_of(
                session, guard.account().id, page=query.page, page_size=query.page_size, search=query.search
            )
        has_next = query.page * query.page_size < listing.total
        meta = Metadata(page=query.page, page_size=query.page_size, has_next=has_next, total_count=listing.total)
        records = [shown_of(runtime, integration) for integration in listing.integrations]
        return as_json(Integrations.model_validate({"records": records, "_metadata": meta}))

    @routes.get(
        "/integrations/<integration_id>", summary="One integration", responses={200: ShownIntegration, **_PROBLEMS}
    )
    def show(path: IntegrationPath) -> Response:
        return as_json(shown_of(runtime, callers_integration(runtime, path.integration_id)))

    @routes.patch(
        "/integrations/<integration_id>",
        summary="Change name, description, tags or settings",
        responses={200: ShownIntegration, **_PROBLEMS},
    )
    def change(path: IntegrationPath, body: ChangeIntegration) -> Response:
        actions.check_hygiene(runtime.store, callers_integration(runtime, path.integration_id), body.settings)
        with callers_session(runtime) as session:
            integration = actions.change_settings(session, path.integration_id, body.changes())
        return as_json(shown_of(runtime, integration))

    @routes.delete(
        "/integrations/<integration_id>",
        summary="Delete an integration and, by a job, its data",
        responses={202: ShownIntegration, **_PROBLEMS},
    )
    def delete(path: IntegrationPath) -> Response:
        with callers_session(runtime) as session:
            integration = actions.delete(session, runtime.otp_store, path.integration_id)
        return as_json(ShownIntegration.of(integration, None), 202)


def _add_running(routes: APIBlueprint, runtime: Runtime) -> None:
    @routes.get(
        "/integrations/<integration_id>/progress",
        summary="How far it is, by entity",
        responses={200: ShownProgress, **_PROBLEMS},
    )
    def progress(path: IntegrationPath) -> Response:
        return as_json(progress_of(runtime, callers_integration(runtime, path.integration_id)))

    @routes.post(
        "/integrations/<integration_id>/pause", summary="Stop pulling", responses={200: ShownIntegration, **_PROBLEMS}
    )
    def pause(path: IntegrationPath) -> Response:
        with callers_session(runtime) as session:
            integration = actions.pause(session, path.integration_id)
        return as_json(shown_of(runtime, integration))

    @routes.post(
        "/integrations/<integration_id>/resume",
        summary="Pull again and catch up",
        responses={200: ShownIntegration, **_PROBLEMS},
    )
    def resume(path: IntegrationPath) -> Response:
        with callers_session(runtime) as session:
            integration = actions.resume(session, path.integration_id)
        return as_json(shown_of(runtime, integration))

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
        return as_json(shown_of(runtime, actions.sync(runtime.store, integration, is_full=body.full)), 202)


def callers_session(runtime: Runtime) -> AbstractContextManager[Session]:
    """A session bound to the calling account."""
    return runtime.store.bound_to_account(guard.account().id)


def callers_integration(runtime: Runtime, integration_id: UUID) -> Integration:
    """The integration, if it is the calling account's. Raises Missing."""
    with callers_session(runtime) as session:
        return ledger.get(session, integration_id)


def site_url_of(runtime: Runtime, integration: Integration) -> str | None:
    """The address of an integration's site, for links; None where it has none."""
    return _site_of(runtime, integration)[0]


def token_of(runtime: Runtime, integration: Integration) -> dict[str, object] | None:
    """An integration's token without the secret; None where it has none."""
    return _site_of(runtime, integration)[1]


def _site_of(runtime: Runtime, integration: Integration) -> tuple[str | None, dict[str, object] | None]:
    """The address of an integration's site, and its token without the secret."""
    try:
        with ledger.site_session(runtime.store, integration) as session:
            tenant = tenant_by_id(session, session.tenant_id)
            token = direct.token_of(session) if integration.method is Method.API_TOKEN else None
    except Conflicting:
        return None, None
    return tenant.site_url if tenant else None, token


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
        entities = status.progress.by_entity(session)
        shape.entities = [EntityProgress(**vars(progress)) for progress in entities]
        shape.parked = [_parked(record) for record in poison.newest(session, _PAGE_SIZE)]
        shape.parked_total, shape.values_left_out = poison.count(session), poison.count_values(session)
        shape.problems = [_problem(problem) for problem in claims.problems(session, _PAGE_SIZE)]
        if (skew := site_clock.skew(session)) is not None:
            shape.clock_skew_seconds = round(skew.total_seconds())
        shape.seconds_left = status.progress.remaining_seconds(session, integration, entities)
    return shape


_PAGE_SIZE = 100
"""Parked records and problems that progress lists."""


def _parked(record: Parked) -> ParkedRecord:
    seen_at = clock.rfc3339(record.seen_at) if record.seen_at else ""
    return ParkedRecord(**{**vars(record), **coded("reason", record.reason), "seen_at": seen_at})


def _problem(chunk: claims.Problem) -> Problem:
    return Problem(**{**vars(chunk), **coded("problem", chunk.problem)})


def shown_of(runtime: Runtime, integration: Integration) -> ShownIntegration:
    """The shape of an integration, with its site and its token."""
    return ShownIntegration.of(integration, *_site_of(runtime, integration))


def _require_json_or_nothing() -> None:
    """Raises Malformed for a body that is no JSON, which would otherwise count as none."""
    if request.get_data() and request.get_json(silent=True) is None:
        raise Malformed(Code.NOT_JSON)
