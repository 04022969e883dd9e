"""Calls on integrations."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from flask import Response

from app import clock, jobs
from app.errors import Conflicting, JiraRefused, Unavailable
from app.ingest.status import progress as standing
from app.integrations import ledger
from app.integrations.ledger import Draft
from app.integrations.model import State
from app.integrations.validate import Check, not_paired, validate
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
    Validation,
    problems,
)

if TYPE_CHECKING:
    from uuid import UUID

    from flask_openapi3 import APIBlueprint
    from pydantic import BaseModel

    from app.integrations.model import Integration
    from app.runtime import Runtime
    from app.store.poison import Parked

_PROBLEMS = problems(400, 401, 404, 409, 429, 503)


def add(routes: APIBlueprint, runtime: Runtime) -> None:
    """The calls, in the order in which an SEI admin makes them."""
    _add_book_keeping(routes, runtime)
    _add_pairing(routes, runtime)
    _add_running(routes, runtime)


def _add_book_keeping(routes: APIBlueprint, runtime: Runtime) -> None:
    @routes.post("/integrations", summary="Create an integration", responses={201: ShownIntegration, **_PROBLEMS})
    def create(body: CreateIntegration) -> Response:
        account_id = guard.account().id
        draft = Draft(
            body.name, body.description, body.tags, body.product, body.method, body.settings.model_dump(mode="json")
        )
        with runtime.store.bound_to_account(account_id) as session:
            made = ledger.create(session, account_id, draft)
        return _json(ShownIntegration.of(made, None), 201)

    @routes.get("/integrations", summary="List integrations", responses={200: Integrations, **_PROBLEMS})
    def list_them(query: ListQuery) -> Response:
        account_id = guard.account().id
        with runtime.store.bound_to_account(account_id) as session:
            found = ledger.page_of(session, account_id, page=query.page, page_size=query.page_size, search=query.search)
        has_next = query.page * query.page_size < found.total
        meta = Metadata(page=query.page, page_size=query.page_size, has_next=has_next, total_count=found.total)
        records = [ShownIntegration.of(each, site_of(runtime, each.tenant_id)) for each in found.found]
        return _json(Integrations.model_validate({"records": records, "_metadata": meta}))

    @routes.get(
        "/integrations/<integration_id>", summary="One integration", responses={200: ShownIntegration, **_PROBLEMS}
    )
    def show(path: IntegrationPath) -> Response:
        held = held_by_caller(runtime, path.integration_id)
        return _json(ShownIntegration.of(held, site_of(runtime, held.tenant_id)))

    @routes.patch(
        "/integrations/<integration_id>",
        summary="Change name, description, tags or settings",
        responses={200: ShownIntegration, **_PROBLEMS},
    )
    def change(path: IntegrationPath, body: ChangeIntegration) -> Response:
        held = change_to(runtime, path.integration_id, body)
        return _json(ShownIntegration.of(held, site_of(runtime, held.tenant_id)))

    @routes.delete(
        "/integrations/<integration_id>",
        summary="Delete an integration and, by a job, its data",
        responses={202: ShownIntegration, **_PROBLEMS},
    )
    def delete(path: IntegrationPath) -> Response:
        return _json(ShownIntegration.of(delete_later(runtime, path.integration_id), None), 202)


def _add_pairing(routes: APIBlueprint, runtime: Runtime) -> None:
    @routes.post(
        "/integrations/<integration_id>/otp",
        summary="Generate the one-time password; a new one revokes the old",
        responses={201: OneTimePassword, **_PROBLEMS},
    )
    def mint(path: IntegrationPath) -> Response:
        made = runtime.mint.mint(guard.account().id, path.integration_id)
        shown = OneTimePassword(otp=made.otp, expires_at=clock.rfc3339(made.expires_at), expires_in=made.expires_in)
        return _json(shown, 201)

    @routes.post(
        "/integrations/<integration_id>/validate",
        summary="Check the connection",
        responses={200: Validation, **_PROBLEMS},
    )
    def check(path: IntegrationPath) -> Response:
        held = held_by_caller(runtime, path.integration_id)
        checks = check_connection(runtime, held)
        shown = [ShownCheck(name=each.name, ok=each.ok, detail=each.detail) for each in checks]
        return _json(Validation(ok=all(each.ok for each in checks if each.is_required), checks=shown))

    @routes.post(
        "/integrations/<integration_id>/reauthenticate",
        summary="Give new credentials; an integration of the Jira app has none of its own",
        responses={200: ShownIntegration, **_PROBLEMS},
    )
    def reauthenticate(path: IntegrationPath) -> Response:
        held_by_caller(runtime, path.integration_id)
        raise Conflicting(
            "The Jira app signs by itself; there are no credentials to renew. If the site refuses us, have the app enabled or"
            " installed again, then generate a new one-time password."
        )


def _add_running(routes: APIBlueprint, runtime: Runtime) -> None:
    @routes.get(
        "/integrations/<integration_id>/progress",
        summary="How far it is, by entity",
        responses={200: ShownProgress, **_PROBLEMS},
    )
    def progress(path: IntegrationPath) -> Response:
        held = held_by_caller(runtime, path.integration_id)
        return _json(progress_of(runtime, held))

    @routes.post(
        "/integrations/<integration_id>/pause", summary="Stop pulling", responses={200: ShownIntegration, **_PROBLEMS}
    )
    def pause(path: IntegrationPath) -> Response:
        with runtime.store.bound_to_account(guard.account().id) as session:
            held = ledger.pause(session, path.integration_id)
        return _json(ShownIntegration.of(held, site_of(runtime, held.tenant_id)))

    @routes.post(
        "/integrations/<integration_id>/resume",
        summary="Pull again and catch up",
        responses={200: ShownIntegration, **_PROBLEMS},
    )
    def resume(path: IntegrationPath) -> Response:
        return _json(read_again(runtime, path.integration_id, resumes=True))

    @routes.post(
        "/integrations/<integration_id>/sync",
        summary="Read everything again now",
        responses={202: ShownIntegration, **_PROBLEMS},
    )
    def sync(path: IntegrationPath) -> Response:
        return _json(read_again(runtime, path.integration_id, resumes=False), 202)


def delete_later(runtime: Runtime, integration_id: UUID) -> Integration:
    """Let an integration of the calling account go; a job erases its data. Raises Missing."""
    with runtime.store.bound_to_account(guard.account().id) as session:
        held = ledger.get(session, integration_id, lock=True)
        ledger.move_to(session, held.id, State.DELETING, reason="Its data is being erased.")
        session.enqueue(jobs.ERASE, str(held.id), once_as=str(held.id))
        held = ledger.get(session, held.id)
    # Its password died with it (`redeem` looks); revoking it too is tidying.
    with suppress(Unavailable):
        runtime.otp_store.revoke(held.id)
    return held


def change_to(runtime: Runtime, integration_id: UUID, change: ChangeIntegration) -> Integration:
    """Change an integration of the calling account. Raises Missing."""
    values = change.model_dump(mode="json", exclude_none=True)
    with runtime.store.bound_to_account(guard.account().id) as session:
        held = ledger.change(session, integration_id, values)
        if change.settings is not None and held.tenant_id is not None:
            # Other fields are read from now on: what is stored is read again with them.
            session.enqueue(jobs.PLAN, str(held.tenant_id), once_as=str(held.tenant_id))
    return held


def read_again(runtime: Runtime, integration_id: UUID, *, resumes: bool) -> ShownIntegration:
    """Read the whole site again, after a pause or now. Raises Missing, Conflicting."""
    with runtime.store.bound_to_account(guard.account().id) as session:
        held = ledger.resume(session, integration_id) if resumes else ledger.get(session, integration_id)
        if held.tenant_id is None or not held.state.is_working:
            raise Conflicting("The integration is not connected, or it is paused.")
        again = jobs.CATCH_UP if resumes else jobs.PLAN
        session.enqueue(again, str(held.tenant_id), once_as=str(held.tenant_id))
    return ShownIntegration.of(held, site_of(runtime, held.tenant_id))


def held_by_caller(runtime: Runtime, integration_id: UUID) -> Integration:
    """The integration, if it is the calling account's. Raises Missing."""
    with runtime.store.bound_to_account(guard.account().id) as session:
        return ledger.get(session, integration_id)


def site_of(runtime: Runtime, tenant_id: UUID | None) -> str | None:
    """The address of a paired site."""
    if tenant_id is None:
        return None
    with runtime.store.bound_to(tenant_id) as session:
        tenant = tenant_by_id(session, tenant_id)
    return tenant.site_url if tenant else None


def check_connection(runtime: Runtime, held: Integration) -> list[Check]:
    """The pre-flight of an integration."""
    if held.tenant_id is None:
        return not_paired()
    try:
        return validate(runtime.sites.open(held.tenant_id))
    except JiraRefused as refused:
        return [Check("paired", ok=False, detail=f"{refused} Ask a Jira admin to enable or install the app again.")]


def progress_of(runtime: Runtime, held: Integration) -> ShownProgress:
    """How far an integration is."""
    shown = ShownProgress(
        state=held.state,
        state_reason=held.state_reason,
        entities=[],
        parked=[],
        parked_total=0,
        problems=[],
        started_at=clock.rfc3339(held.started_at) if held.started_at else None,
        last_ingested_at=clock.rfc3339(held.last_ingested_at) if held.last_ingested_at else None,
        verified_at=clock.rfc3339(held.verified_at) if held.verified_at else None,
    )
    if held.tenant_id is None:
        return shown
    with runtime.store.bound_to(held.tenant_id) as session:
        shown.entities = [EntityProgress(**vars(each)) for each in standing.by_entity(session)]
        shown.parked = [_parked(each) for each in poison.newest(session, _SHOWN)]
        shown.parked_total = poison.count(session)
        shown.problems = [Problem(**vars(each)) for each in claims.problems(session, _SHOWN)]
        if held.state is State.BACKFILLING and claims.is_counted(session):
            shown.seconds_left = _seconds_left(held, shown.entities)
    with suppress(Unavailable):
        shown.points_this_hour = runtime.limiter.accounts.spent(str(held.tenant_id), clock.now())
    return shown


def _seconds_left(held: Integration, entities: list[EntityProgress]) -> int | None:
    """By issues, which are nearly all of the work; an honest None while too little is known."""
    issues = next((each for each in entities if each.entity == "issue"), None)
    if held.started_at is None or issues is None or not issues.expected or issues.done < issues.expected / _ENOUGH:
        return None
    elapsed = (clock.now() - held.started_at).total_seconds()
    return round(elapsed * max(0, issues.expected - issues.done) / issues.done)


_ENOUGH = 20
"""Part of the issues from which on their pace says something."""


_SHOWN = 100
"""Parked records and problems that progress lists."""


def _parked(found: Parked) -> ParkedRecord:
    seen_at = clock.rfc3339(found.seen_at) if found.seen_at else ""
    return ParkedRecord(entity=found.entity, reason=found.reason, digest=found.digest, seen_at=seen_at)


def _json(shape: BaseModel, status: int = 200) -> Response:
    return Response(shape.model_dump_json(by_alias=True), status, mimetype="application/json")
