"""Calls that connect an integration with its site: create, hand over a key, check, give another token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response  # noqa: TC002 - flask-openapi3 evaluates annotations

from app import actions, clock
from app.web import guard
from app.web.api.credentials import Reauthentication  # noqa: TC001 - flask-openapi3 evaluates annotations
from app.web.api.integrations import callers_integration, shown_of
from app.web.api.shapes import (
    CreateIntegration,
    IntegrationPath,
    OneTimePassword,
    ShownIntegration,
    as_json,
    problems,
)
from app.web.api.validation import Validation

if TYPE_CHECKING:
    from flask_openapi3 import APIBlueprint

    from app.integrations.model import Integration
    from app.runtime import Runtime
    from app.web.api.credentials import TokenCredentials

_PROBLEMS = problems(400, 401, 404, 409, 429, 503)
_UNFIT = {**_PROBLEMS, **problems(422)}


def add(routes: APIBlueprint, runtime: Runtime) -> None:
    """The calls, in the order in which an SEI admin makes them."""

    @routes.post("/integrations", summary="Create an integration", responses={201: ShownIntegration, **_UNFIT})
    def create(body: CreateIntegration) -> Response:
        return as_json(shown_of(runtime, create_of(runtime, body)), 201)

    _add_proofs(routes, runtime)


def _add_proofs(routes: APIBlueprint, runtime: Runtime) -> None:
    @routes.post(
        "/integrations/<integration_id>/otp",
        summary="Generate the one-time password; a new one revokes the old",
        responses={201: OneTimePassword, **_PROBLEMS},
    )
    def mint(path: IntegrationPath) -> Response:
        password = runtime.mint.mint(guard.account().id, path.integration_id)
        expires_at = clock.rfc3339(password.expires_at)
        return as_json(OneTimePassword(otp=password.otp, expires_at=expires_at, expires_in=password.expires_in), 201)

    @routes.post(
        "/integrations/<integration_id>/validate",
        summary="Check the connection",
        responses={200: Validation, **_PROBLEMS},
    )
    def check(path: IntegrationPath) -> Response:
        checks = actions.check_connection(
            runtime.store, runtime.sites, callers_integration(runtime, path.integration_id)
        )
        return as_json(Validation.of(checks))

    @routes.post(
        "/integrations/<integration_id>/reauthenticate",
        summary="Give another token, or change between token and Jira app",
        description="Rows, feed and unfinished work stay. 409 for the token of another site, or where the app isn't"
        " installed; 422 with `checks` where a required check fails. Nothing changes then.",
        responses={200: ShownIntegration, **_UNFIT},
    )
    def reauthenticate(path: IntegrationPath, body: Reauthentication) -> Response:
        integration = callers_integration(runtime, path.integration_id)
        if body.credentials is None:
            integration = actions.hand_back_to_app(
                runtime.store, runtime.sites, integration, is_unchecked=body.unchecked
            )
        else:
            integration = reauthenticate_with(runtime, integration, body.credentials, is_unchecked=body.unchecked)
        return as_json(shown_of(runtime, integration))


def create_of(runtime: Runtime, body: CreateIntegration) -> Integration:
    """A new integration of the calling account. Raises ConnectionUnfit, Malformed."""
    account_id = guard.account().id
    if body.credentials is None:
        return actions.create(runtime.store, account_id, body.draft())
    runtime.attempts.count_token(account_id)
    arrival = runtime.direct_door.knock(body.credentials.url, body.credentials.api_token())
    return actions.create_with_token(
        runtime.store,
        runtime.sites,
        runtime.keyring,
        account_id,
        body.draft(),
        arrival,
        is_unchecked=body.unchecked,
    )


def reauthenticate_with(
    runtime: Runtime, integration: Integration, credentials: TokenCredentials, *, is_unchecked: bool
) -> Integration:
    """Read an integration's site with another token. Raises ConnectionUnfit, Malformed, Conflicting."""
    runtime.attempts.count_token(integration.account_id)
    arrival = runtime.direct_door.knock(credentials.url, credentials.api_token())
    return actions.reauthenticate(
        runtime.store, runtime.direct_door, runtime.keyring, integration, arrival, is_unchecked=is_unchecked
    )
