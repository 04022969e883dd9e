"""From “Connect” to “verified complete”: a few questions, then one page that the server keeps up to date.

The browser stores nothing but the key that was just generated, in its own tab and for ten minutes at most: every step
survives a reload.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Response, jsonify, redirect, render_template, url_for
from pydantic import ValidationError

from app import actions, ids
from app.conditions import Code
from app.errors import Missing
from app.ingest import status
from app.integrations import ledger
from app.integrations.ledger import Draft
from app.integrations.model import State
from app.sources import Method, Product
from app.web import guard, shown
from app.web.api.integrations import callers_integration, callers_session, site_url_of, token_of
from app.web.api.shapes import CreateIntegration
from app.web.console.forms import explain_fields, list_of, words_of
from app.web.words.language import N_, gettext
from app.web.words.sentences import explain
from app.web.words.terms import CHECKS

if TYPE_CHECKING:
    from flask import Blueprint
    from werkzeug.wrappers import Response as AnyResponse

    from app.integrations.checks import Check
    from app.integrations.model import Integration
    from app.runtime import Runtime
    from app.web.words.sentences import Explanation

MARKETPLACE = "https://marketplace.atlassian.com/apps/1231375"
LETTER = N_(
    "Hello,\n\n"
    "please connect our Jira site to Harness SEI. It takes two minutes:\n\n"
    "1. As a Jira administrator, install the app: %(install)s\n"
    "2. In Jira, open Apps and choose “Harness SEI configuration”.\n"
    "3. Tell me that you are there. I send you a one-time key; paste it and choose Connect. A key is good for ten"
    " minutes, once.\n\n"
    "The app reads issues and people's names and changes nothing. You can disconnect it on the same page at any time.\n"
)


def add(routes: Blueprint, runtime: Runtime) -> None:
    """The questions, the page, and the calls of its script."""

    @routes.get("/available/jira")
    def ways() -> str:
        return render_template("ways.html")

    @routes.get("/available/jira/connect-app")
    def name_it() -> str:
        return render_template("name.html", values={}, problems={})

    @routes.post("/available/jira/connect-app")
    def create() -> AnyResponse | tuple[str, int]:
        values = {name: words_of(name) for name in ("name", "description", "tags")}
        draft = draft_of(values)
        if not isinstance(draft, Draft):
            return render_template("name.html", values=values, problems=draft), 400
        with callers_session(runtime) as session:
            integration = ledger.create(session, guard.account().id, draft)
        return redirect(url_for("console.connect", integration_id=integration.id), 303)

    _add_page(routes, runtime)


def _add_page(routes: Blueprint, runtime: Runtime) -> None:
    @routes.get("/integrations/<integration_id>/connect")
    def connect(integration_id: str) -> str:
        integration = integration_of(runtime, integration_id)
        letter = gettext(LETTER, install=MARKETPLACE)
        subject = gettext("Connecting Jira to Harness SEI")
        return render_template(
            "connect.html",
            integration=integration,
            shown=shown_of(runtime, integration),
            left=runtime.otp_store.good_for(integration.id),
            install=MARKETPLACE,
            letter=letter,
            site=site_url_of(runtime, integration),
            token=token_of(runtime, integration),
            mail=f"mailto:?subject={quote(subject)}&body={quote(letter)}",
        )

    @routes.get("/integrations/<integration_id>/shown")
    def shown_now(integration_id: str) -> Response:
        integration = integration_of(runtime, integration_id)
        return jsonify({**shown_of(runtime, integration), "left": runtime.otp_store.good_for(integration.id)})

    @routes.post("/integrations/<integration_id>/otp")
    def mint(integration_id: str) -> Response:
        password = runtime.mint.mint(guard.account().id, integration_of(runtime, integration_id).id)
        return jsonify(otp=password.otp, expires_in=password.expires_in)

    @routes.post("/integrations/<integration_id>/validate")
    def validate(integration_id: str) -> Response:
        checks = actions.check_connection(runtime.store, runtime.sites, integration_of(runtime, integration_id))
        return jsonify(
            ok=all(check.ok for check in checks if check.is_required), checks=[check_of(check) for check in checks]
        )


def draft_of(values: dict[str, str]) -> Draft | dict[str, Explanation]:
    """The new integration, or the problem of each field at fault."""
    try:
        integration = CreateIntegration(
            name=values["name"],
            description=values["description"],
            tags=list_of("tags"),
            product=Product.CLOUD,
            method=Method.CONNECT_APP,
        )
    except ValidationError as error:
        return explain_fields(error)
    return integration.draft()


def integration_of(runtime: Runtime, integration_id: str) -> Integration:
    """One of the account's integrations, by the id in an address. Raises Missing."""
    parsed_id = ids.parse(integration_id)
    if parsed_id is None:
        raise Missing(Code.NO_INTEGRATION)
    return callers_integration(runtime, parsed_id)


def shown_of(runtime: Runtime, integration: Integration) -> shown.View:
    """The contents of an integration's page as of `web.shown`, and the steps of connecting it."""
    entities, remaining_seconds = [], None
    if integration.tenant_id is not None:
        with ledger.site_session(runtime.store, integration) as session:
            entities = status.progress.by_entity(session)
            remaining_seconds = status.progress.remaining_seconds(session, integration, entities)
    site = site_url_of(runtime, integration)
    page = shown.integration(integration, entities, remaining_seconds)
    is_paired = bool(page["is"]["paired"])
    is_verified = is_paired and integration.state is State.HEALTHY
    page["text"]["site"] = site or gettext("no site yet")
    page["link"] = {"site": site or ""}
    page["step"] = {
        "before": "done" if is_paired else "now",
        "paired": "done" if is_paired else "",
        "check": "now" if is_paired and not is_verified else "done" if is_paired else "",
        "verified": "done" if is_verified else "now" if is_paired else "",
    }
    page["is"] |= {"waiting": not is_paired, "verified": is_verified}
    return page


def check_of(check: Check) -> dict[str, Any]:
    """One check in the page's form: never by colour alone. The finding of a passed one answers its question."""
    words, explanation = CHECKS[check.name], explain(check.condition)
    look = "good" if check.ok else "bad" if check.is_required else "warn"
    mark = {"good": "✓", "bad": "✗", "warn": "!"}[look]
    label = {"good": gettext("passed"), "bad": gettext("failed"), "warn": gettext("worth a look")}[look]
    return {
        "name": gettext(words.name),
        "question": "" if check.ok else gettext(words.question),
        "look": look,
        "mark": mark,
        "spoken": label,
        "finding": explanation.notice,
        "remedy": explanation.remedy,
    }
