"""The page in Jira's frame, and its script's calls: redeem a key, show the pairing, disconnect."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, render_template, request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from redis.exceptions import RedisError

from app import clock, ids
from app.conditions import Code, Condition
from app.doors.administrators import require_administrator
from app.errors import Forbidden, Malformed, Missing
from app.ingest.status import progress
from app.integrations import ledger
from app.pairing import unpair
from app.web import guard, headers
from app.web.api.shapes import coded
from app.web.guard import Door, trusts
from app.web.jira_pages.page import page_of

if TYPE_CHECKING:
    from uuid import UUID

    from app.integrations.model import Integration
    from app.runtime import Runtime

_BYTES = 4096
_LOOKS_SECONDS = 30
"""Life of a positive administrator check for reading; every change checks with Jira again."""


class RedemptionBody(BaseModel):
    """The body of a redemption."""

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
        page = page_of(runtime, caller.tenant.id)
        return render_template("configuration.html", scripts=headers.scripts_of(caller.tenant), shown=page)

    return routes


def _calls(runtime: Runtime) -> Blueprint:
    routes = Blueprint("jira_pairing", __name__, url_prefix="/jira/pairing")
    trusts(routes, Door.PAGE_API, runtime)

    def administrator() -> tuple[UUID, str]:
        """The tenant and the calling administrator, checked with Jira for this call."""
        caller = guard.caller()
        require_administrator(runtime.sites.client_of(caller.tenant.id), caller.account_id)
        if caller.account_id is None:
            raise Forbidden(Code.NOT_ADMINISTRATOR)
        return caller.tenant.id, caller.account_id

    def watcher() -> UUID:
        """The tenant of a reading administrator: the page polls every few seconds, Jira is asked twice a minute."""
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
            integration = ledger.of_tenant(session)
            if integration is None:
                return jsonify(integration=None)
            entities = [vars(figures) for figures in progress.by_entity(session)]
        return jsonify(integration=_integration_fields(integration), entities=entities)

    routes.add_url_rule("/page", "page", lambda: jsonify(page_of(runtime, watcher())))

    @routes.post("")
    def pair() -> Response:
        redemption = _redemption_body()
        tenant_id, account_id = administrator()
        pairing = runtime.redemption.redeem(tenant_id, account_id, redemption.otp, replace=redemption.replace)
        return jsonify(integration=_integration_fields(pairing.integration))

    @routes.delete("")
    def disconnect() -> Response:
        tenant_id, _ = administrator()
        with runtime.store.bound_to(tenant_id) as session:
            if not unpair.unpair(session, reason=Condition(Code.UNPAIRED)):
                raise Missing(Code.NOT_PAIRED)
        return Response(status=204)

    return routes


def _redemption_body() -> RedemptionBody:
    """Parse the body, JSON only: a form of another site cannot send it. Raises Malformed."""
    request.max_content_length = _BYTES
    if request.mimetype != "application/json":
        raise Malformed(Code.NOT_JSON)
    try:
        return RedemptionBody.model_validate_json(request.get_data())
    except ValidationError:
        raise Malformed(Code.KEY_MALFORMED) from None


def _integration_fields(integration: Integration) -> dict[str, Any]:
    """The integration's fields for a Jira admin."""
    return {
        "id": str(integration.id),
        "name": integration.name,
        "state": integration.state.value,
        **coded("reason", integration.state_reason),
        "paired_at": clock.rfc3339(integration.paired_at) if integration.paired_at else None,
        "last_ingested_at": clock.rfc3339(integration.last_ingested_at) if integration.last_ingested_at else None,
        "verified_at": clock.rfc3339(integration.verified_at) if integration.verified_at else None,
    }
