"""The page in Jira's frame, and the calls of its script: paste the key, see the pairing, disconnect."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, render_template, request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from redis.exceptions import RedisError

from app import clock, ids
from app.doors.administrators import require_administrator
from app.errors import Forbidden, Malformed, Missing
from app.ingest.status import progress as standing
from app.integrations import ledger
from app.pairing import unpair
from app.web import guard, headers
from app.web.guard import Door, trusts
from app.web.jira_pages.page import page_of

if TYPE_CHECKING:
    from uuid import UUID

    from app.integrations.model import Integration
    from app.runtime import Runtime

_BYTES = 4096
_LOOKS_SECONDS = 30
"""How long an administrator may go on looking without Jira being asked again; whatever changes something asks anew."""


class Pasted(BaseModel):
    """What the page sends."""

    model_config = ConfigDict(extra="forbid", strict=True)

    otp: str = Field(min_length=1, max_length=200)
    replace: bool = False


def blueprints(runtime: Runtime) -> list[Blueprint]:
    """The page and its calls, each behind its own door."""
    return [_page(runtime), _calls(runtime)]


def _page(runtime: Runtime) -> Blueprint:
    routes = Blueprint("jira_pages", __name__, url_prefix="/jira")
    trusts(routes, Door.PAGE, runtime)

    @routes.get("/configuration")
    def configuration() -> str:
        caller = guard.caller()
        require_administrator(runtime.sites.client_of(caller.tenant.id), caller.account_id)
        shown = page_of(runtime, caller.tenant.id)
        return render_template("configuration.html", scripts=headers.scripts_of(caller.tenant), shown=shown)

    return routes


def _calls(runtime: Runtime) -> Blueprint:
    routes = Blueprint("jira_pairing", __name__, url_prefix="/jira/pairing")
    trusts(routes, Door.PAGE_API, runtime)

    def administrator() -> tuple[UUID, str]:
        """The tenant and the administrator who calls, asked of Jira anew."""
        caller = guard.caller()
        require_administrator(runtime.sites.client_of(caller.tenant.id), caller.account_id)
        if caller.account_id is None:
            raise Forbidden("Only Jira administrators can do this.")
        return caller.tenant.id, caller.account_id

    def watcher() -> UUID:
        """The tenant of an administrator who only looks: the page asks every few seconds, Jira is asked twice a minute."""
        caller = guard.caller()
        key = f"administrator:{caller.tenant.id}:{ids.opaque(caller.account_id)}"
        with suppress(RedisError):
            if runtime.redis.exists(key):
                return caller.tenant.id
        tenant_id, _ = administrator()
        with suppress(RedisError):
            runtime.redis.set(key, "1", ex=_LOOKS_SECONDS)
        return tenant_id

    @routes.get("")
    def state() -> Response:
        tenant_id = watcher()
        with runtime.store.bound_to(tenant_id) as session:
            held = ledger.of_tenant(session)
            if held is None:
                return jsonify(integration=None)
            entities = [vars(each) for each in standing.by_entity(session)]
        return jsonify(integration=_shown(held), entities=entities)

    routes.add_url_rule("/page", "page", lambda: jsonify(page_of(runtime, watcher())))

    @routes.post("")
    def pair() -> Response:
        pasted = _pasted()
        tenant_id, account_id = administrator()
        done = runtime.redemption.redeem(tenant_id, account_id, pasted.otp, replace=pasted.replace)
        return jsonify(integration=_shown(done.integration))

    @routes.delete("")
    def disconnect() -> Response:
        tenant_id, _ = administrator()
        with runtime.store.bound_to(tenant_id) as session:
            if not unpair.unpair(session, reason=unpair.BY_ADMIN):
                raise Missing("This site is not paired.")
        return Response(status=204)

    return routes


def _pasted() -> Pasted:
    """The body: JSON only, so that no form of another site can send it."""
    request.max_content_length = _BYTES
    if request.mimetype != "application/json":
        raise Malformed("Send JSON.")
    try:
        return Pasted.model_validate_json(request.get_data())
    except ValidationError:
        raise Malformed('Send {"otp": "…"} with the key you were given.') from None


def _shown(held: Integration) -> dict[str, Any]:
    """What a Jira admin may know of the integration."""
    return {
        "id": str(held.id),
        "name": held.name,
        "state": held.state.value,
        "reason": held.state_reason,
        "paired_at": clock.rfc3339(held.paired_at) if held.paired_at else None,
        "last_ingested_at": clock.rfc3339(held.last_ingested_at) if held.last_ingested_at else None,
        "verified_at": clock.rfc3339(held.verified_at) if held.verified_at else None,
    }
