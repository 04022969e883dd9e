"""Connect's server-side routes: the descriptor, the lifecycle hooks, the webhooks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

from flask import Blueprint, Response, request
from pydantic import AfterValidator, BaseModel, Field, StringConstraints, ValidationError
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from app import actions, clock
from app.conditions import Code
from app.doors.tokens import LEEWAY
from app.errors import JiraNonsense, Malformed, Unproven
from app.ingest.planning import inbox
from app.integrations.settings import storable
from app.jira import client, hosts
from app.tenants import replay_guard
from app.tenants.model import Hook, Install
from app.web import guard
from app.web.guard import Door, trusts

if TYPE_CHECKING:
    from app.config import Settings
    from app.runtime import Runtime
    from app.tenants.model import Caller

DESCRIPTOR = Path(__file__).parents[2] / "atlassian-connect.json"
_LIFECYCLE_BYTES = 1024 * 1024
_WEBHOOK_BYTES = 26 * 1024 * 1024
"""Atlassian drops bodies over 25 MB itself."""
_LONGEST_ID = 255
_NO_CONTENT = 204

B = TypeVar("B", bound="LifecycleBody")
Short = Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(storable)]
Secret = Annotated[str, StringConstraints(min_length=32, max_length=1024), AfterValidator(storable)]
Optional = Annotated[str, StringConstraints(max_length=255), AfterValidator(storable)] | None


class LifecycleBody(BaseModel):
    """The fields of every lifecycle call; unknown ones are ignored."""

    key: Short
    client_key: Short = Field(alias="clientKey")
    event_type: str = Field("", alias="eventType", max_length=64)


class InstalledBody(LifecycleBody):
    """`installed` carries the shared secret and the addresses."""

    shared_secret: Secret = Field(alias="sharedSecret")
    base_url: Short = Field(alias="baseUrl")
    display_url: Optional = Field(None, alias="displayUrl")
    installation_id: Optional = Field(None, alias="installationId")
    account_id: Optional = Field(None, alias="accountId")


def descriptor(settings: Settings) -> dict[str, object]:
    """The descriptor for this deployment; nothing in it comes from a request."""
    template: dict[str, object] = json.loads(DESCRIPTOR.read_text(encoding="utf-8"))
    return {**template, "key": settings.app_key, "baseUrl": settings.base_url}


def blueprints(runtime: Runtime) -> list[Blueprint]:
    """The routes, each behind its door."""
    return [_descriptor(runtime), _lifecycle(runtime), _switches(runtime), _webhooks(runtime)]


def _descriptor(runtime: Runtime) -> Blueprint:
    routes = Blueprint("connect_descriptor", __name__)
    trusts(routes, Door.PUBLIC, runtime)
    document = json.dumps(descriptor(runtime.settings), indent=2)

    @routes.get("/atlassian-connect.json")
    def atlassian_connect() -> Response:
        return Response(document, mimetype="application/json")

    return routes


def _lifecycle(runtime: Runtime) -> Blueprint:
    routes = Blueprint("connect_lifecycle", __name__, url_prefix="/connect")
    trusts(routes, Door.LIFECYCLE, runtime)

    @routes.post("/installed")
    def installed() -> Response:
        claims, token = guard.lifecycle()
        raw = _body(_LIFECYCLE_BYTES)
        body = _parsed(InstalledBody, raw, claims.issuer, Hook.INSTALLED, runtime.settings)
        if not hosts.is_allowed(body.base_url, runtime.settings.site_hosts):
            with runtime.store.unrestricted_unsafe() as session:
                replay_guard.spend(session, token, raw, expires_at=claims.expires_at + LEEWAY)
            raise Malformed(Code.BAD_BASE_URL)
        install = Install(
            client_key=body.client_key,
            shared_secret=body.shared_secret,
            base_url=str(hosts.origin_of(body.base_url)),
            display_url=_link(body.display_url),
            installation_id=body.installation_id,
            account_id=claims.subject or body.account_id,
            issued_at=claims.issued_at,
        )
        with runtime.store.unrestricted_unsafe() as session:
            if replay_guard.spend(session, token, raw, expires_at=claims.expires_at + LEEWAY):
                actions.installed(session, runtime.keyring, install)
        return Response(status=_NO_CONTENT)

    @routes.post("/uninstalled")
    def uninstalled() -> Response:
        claims, token = guard.lifecycle()
        raw = _body(_LIFECYCLE_BYTES)
        body = _parsed(LifecycleBody, raw, claims.issuer, Hook.UNINSTALLED, runtime.settings)
        with runtime.store.unrestricted_unsafe() as session:
            if replay_guard.spend(session, token, raw, expires_at=claims.expires_at + LEEWAY):
                actions.uninstalled(session, runtime.keyring, body.client_key, issued_at=claims.issued_at)
        return Response(status=_NO_CONTENT)

    return routes


def _switches(runtime: Runtime) -> Blueprint:
    routes = Blueprint("connect_switches", __name__, url_prefix="/connect")
    trusts(routes, Door.SERVER, runtime)

    def proven(hook: Hook) -> Caller:
        """The caller of a hook, once its body fits. Raises Malformed, Unproven."""
        caller = guard.caller()
        _parsed(LifecycleBody, _body(_LIFECYCLE_BYTES), caller.tenant.client_key or "", hook, runtime.settings)
        return caller

    @routes.post("/enabled")
    def enabled() -> Response:
        caller = proven(Hook.ENABLED)
        with runtime.store.unrestricted_unsafe() as session:
            actions.enabled(session, caller.tenant.id, issued_at=caller.issued_at)
        return Response(status=_NO_CONTENT)

    @routes.post("/disabled")
    def disabled() -> Response:
        caller = proven(Hook.DISABLED)
        with runtime.store.unrestricted_unsafe() as session:
            actions.disabled(session, caller.tenant.id, issued_at=caller.issued_at)
        return Response(status=_NO_CONTENT)

    return routes


def _webhooks(runtime: Runtime) -> Blueprint:
    routes = Blueprint("connect_webhooks", __name__, url_prefix="/connect/webhooks")
    trusts(routes, Door.SERVER, runtime)
    modules = descriptor(runtime.settings)["modules"]
    webhooks = modules["webhooks"] if isinstance(modules, dict) else []
    events = {str(webhook["url"]).rsplit("/", 1)[1]: str(webhook["event"]) for webhook in webhooks}

    @routes.post("/<name>")
    def received(name: str) -> Response:
        """Store the delivery. A body that cannot be read gets the same answer, since Jira never retries a 4xx."""
        tenant_id = guard.caller().tenant.id
        raw = _body(_WEBHOOK_BYTES)
        try:
            body = client.parse(raw)
        except JiraNonsense:
            body = None
        # The event is in the address, which is signed; the body is not.
        delivery_id = request.headers.get("X-Atlassian-Webhook-Identifier") or f"unnamed-{clock.now().timestamp()}"
        with runtime.store.bound_to(tenant_id) as session:
            inbox.keep(session, delivery_id[:_LONGEST_ID], events.get(name, name), body)
        return Response(status=_NO_CONTENT)

    return routes


def _body(limit: int) -> bytes:
    request.max_content_length = limit
    raw = request.get_data(cache=False)
    # Werkzeug returns half a body without an error, at the limit and after a broken connection.
    if request.content_length is None and len(raw) >= limit:
        raise RequestEntityTooLarge
    if request.content_length is not None and len(raw) < request.content_length:
        raise ClientDisconnected
    return raw


def _parsed(model: type[B], raw: bytes, issuer: str, hook: Hook, settings: Settings) -> B:
    """The parsed body, if it is for this app, from the token's site and for this route. Raises Malformed, Unproven."""
    try:
        body = model.model_validate_json(raw)
    except ValidationError as error:
        places = {".".join(str(step) for step in problem["loc"]) or "body" for problem in error.errors()}
        fields = ", ".join(sorted(places))
        raise Malformed(Code.BODY_UNEXPECTED, fields=fields) from None
    if body.client_key != issuer:
        raise Unproven("body.clientKey is not the token's issuer")
    if body.key != settings.app_key:
        raise Malformed(Code.BODY_OF_OTHER_APP)
    if body.event_type not in {"", hook.value}:
        raise Malformed(Code.BODY_OF_OTHER_HOOK)
    return body


def _link(url: str | None) -> str | None:
    """A display address, for links only; None unless it is a plain https address."""
    origin = hosts.origin_of(url) if url else None
    return str(origin) if origin is not None and origin.scheme == "https" and hosts.is_name(origin.host) else None
