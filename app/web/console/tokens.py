"""The way by API token: one form, checked against the live site, for a new integration and for a new token."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flask import redirect, render_template, request, url_for
from pydantic import ValidationError

from app import actions
from app.catalog.field_policy import REQUESTABLE, WORKLOG_COMMENT
from app.errors import Conflicting, Malformed
from app.integrations import ledger
from app.integrations.validate import ConnectionUnfit
from app.sources import Method, Product
from app.web.api.connecting import create_of, reauthenticate_with
from app.web.api.credentials import TokenCredentials
from app.web.api.shapes import CreateIntegration
from app.web.console import selecting
from app.web.console.connecting import check_of, integration_of
from app.web.console.forms import explain_fields, list_of, words_of
from app.web.words.sentences import explain

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Blueprint
    from werkzeug.wrappers import Response as AnyResponse

    from app.integrations.model import Integration
    from app.runtime import Runtime
    from app.web.words.sentences import Explanation

EXCLUDABLE = (*REQUESTABLE, WORKLOG_COMMENT)
_FIELDS = ("name", "description", "tags", "url", "email", "expires_at", *selecting.FIELDS)
"""Fields that a form with a fault shows again. The token is typed anew."""


class Faults(NamedTuple):
    """The faults of a form by field, and the checks of its connection."""

    problems: dict[str, Explanation]
    checks: list[dict[str, object]]


NO_FAULTS = Faults({}, [])


def add(routes: Blueprint, runtime: Runtime) -> None:
    """The two forms."""

    @routes.get("/available/jira/api-token")
    def token_form() -> str:
        return _page(NO_FAULTS)

    @routes.post("/available/jira/api-token")
    def create_with_token() -> AnyResponse | tuple[str, int]:
        return _submit(lambda: _created(runtime), _page)

    @routes.get("/integrations/<integration_id>/token")
    def renewal_form(integration_id: str) -> str:
        integration = integration_of(runtime, integration_id)
        return _page(NO_FAULTS, integration, _address_of(runtime, integration))

    @routes.post("/integrations/<integration_id>/token")
    def renew(integration_id: str) -> AnyResponse | tuple[str, int]:
        integration = integration_of(runtime, integration_id)
        return _submit(lambda: _renewed(runtime, integration), lambda faults: _page(faults, integration))

    @routes.post("/integrations/<integration_id>/app")
    def use_app(integration_id: str) -> AnyResponse | tuple[str, int]:
        integration = integration_of(runtime, integration_id)
        return _submit(
            lambda: actions.hand_back_to_app(runtime.store, runtime.sites, integration, is_unchecked=_is_unchecked()),
            lambda faults: _page(faults, integration, _address_of(runtime, integration)),
        )


def _address_of(runtime: Runtime, integration: Integration) -> str:
    """The address that the stored token was checked at; empty without one. A tenant's own may come unsigned."""
    if integration.tenant_id is None:
        return ""
    with ledger.site_session(runtime.store, integration) as session:
        arrival = runtime.keyring.token_for(session, session.tenant_id)
    return arrival.base_url if arrival is not None else ""


def _submit(act: Callable[[], Integration], show: Callable[[Faults], str]) -> AnyResponse | tuple[str, int]:
    """Act on the form: on to the integration's page, or the form again with the faults or the failed checks."""
    try:
        return redirect(url_for("console.connect", integration_id=act().id), 303)
    except ValidationError as error:
        return show(Faults(explain_fields(error), [])), 400
    except Malformed as refusal:
        return show(Faults({"url": explain(refusal.condition)}, [])), 400
    except Conflicting as refusal:
        return show(Faults({"": explain(refusal.condition)}, [])), 409
    except ConnectionUnfit as refusal:
        return show(Faults({"": explain(refusal.condition)}, [check_of(check) for check in refusal.checks])), 422


def _created(runtime: Runtime) -> Integration:
    """The integration of the form. Raises ValidationError, Malformed, ConnectionUnfit."""
    body = CreateIntegration.model_validate(
        {
            "name": words_of("name"),
            "description": words_of("description"),
            "tags": list_of("tags"),
            "product": Product.CLOUD,
            "method": Method.API_TOKEN,
            "settings": {**selecting.settings_of_form(), "excluded_fields": _excluded_fields()},
            "credentials": _token_fields(),
            "unchecked": _is_unchecked(),
        }
    )
    return create_of(runtime, body)


def _renewed(runtime: Runtime, integration: Integration) -> Integration:
    """The integration with the form's token. Raises ValidationError, Malformed, Conflicting, ConnectionUnfit."""
    credentials = TokenCredentials.model_validate(_token_fields())
    return reauthenticate_with(runtime, integration, credentials, is_unchecked=_is_unchecked())


def _token_fields() -> dict[str, str | None]:
    day = words_of("expires_at")
    end = f"{day}T00:00:00Z" if day else None
    return {**{name: words_of(name) for name in ("url", "email", "token")}, "expires_at": end}


def _is_unchecked() -> bool:
    return words_of("unchecked") == "1"


def _excluded_fields() -> list[str]:
    return [field for field in EXCLUDABLE if request.form.get(f"exclude_{field}")]


def _page(faults: Faults, integration: Integration | None = None, site_url: str = "") -> str:
    values = {name: words_of(name) for name in _FIELDS} if request.method == "POST" else {}
    values["url"] = values.get("url") or site_url
    return render_template(
        "token.html",
        integration=integration,
        values=values,
        problems=faults.problems,
        checks=faults.checks,
        excluded_fields=_excluded_fields(),
    )
