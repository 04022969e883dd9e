"""From “Connect” to “verified complete”: a few questions, then one page that lives on what the server knows.

Nothing of it is kept in the browser but the key that was just generated, in its own tab and for ten minutes at most, so
every step survives a reload.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Response, jsonify, redirect, render_template, url_for
from pydantic import ValidationError

from app import ids
from app.errors import Missing
from app.ingest.status import progress as standing
from app.integrations import ledger
from app.integrations.ledger import Draft
from app.integrations.model import Method, Product, State
from app.web import guard, shown
from app.web.api.integrations import check_connection, site_of
from app.web.api.shapes import CreateIntegration
from app.web.console.forms import list_of, words_of
from app.web.words.errors import Told, told
from app.web.words.language import N_, gettext
from app.web.words.terms import CHECKS

if TYPE_CHECKING:
    from flask import Blueprint
    from werkzeug.wrappers import Response as AnyResponse

    from app.integrations.model import Integration
    from app.integrations.validate import Check
    from app.runtime import Runtime

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
_WRONG = {
    "name": "Give the integration a name of at most 200 characters.",
    "description": "Give a description of at most 2,000 characters.",
    "tags": "Give at most 50 tags of at most 60 characters.",
}


def add(routes: Blueprint, runtime: Runtime) -> None:
    """The questions, the page, and the calls of its script."""

    @routes.get("/available/jira")
    def ways() -> str:
        return render_template("ways.html")

    @routes.get("/available/jira/connect-app")
    def name_it() -> str:
        return render_template("name.html", given={}, wrong={})

    @routes.post("/available/jira/connect-app")
    def create() -> AnyResponse | tuple[str, int]:
        given = {name: words_of(name) for name in ("name", "description", "tags")}
        draft = draft_of(given)
        if not isinstance(draft, Draft):
            return render_template("name.html", given=given, wrong=draft), 400
        account_id = guard.account().id
        with runtime.store.bound_to_account(account_id) as session:
            made = ledger.create(session, account_id, draft)
        return redirect(url_for("console.connect", known=made.id), 303)

    _add_page(routes, runtime)


def _add_page(routes: Blueprint, runtime: Runtime) -> None:
    @routes.get("/integrations/<known>/connect")
    def connect(known: str) -> str:
        held = held_of(runtime, known)
        letter = gettext(LETTER, install=MARKETPLACE)
        subject = gettext("Connecting Jira to Harness SEI")
        return render_template(
            "connect.html",
            held=held,
            shown=shown_of(runtime, held),
            left=runtime.otp_store.good_for(held.id),
            install=MARKETPLACE,
            letter=letter,
            site=site_of(runtime, held.tenant_id),
            mail=f"mailto:?subject={quote(subject)}&body={quote(letter)}",
        )

    @routes.get("/integrations/<known>/shown")
    def shown_now(known: str) -> Response:
        held = held_of(runtime, known)
        return jsonify({**shown_of(runtime, held), "left": runtime.otp_store.good_for(held.id)})

    @routes.post("/integrations/<known>/otp")
    def mint(known: str) -> Response:
        made = runtime.mint.mint(guard.account().id, held_of(runtime, known).id)
        return jsonify(otp=made.otp, expires_in=made.expires_in)

    @routes.post("/integrations/<known>/validate")
    def validate(known: str) -> Response:
        checks = check_connection(runtime, held_of(runtime, known))
        return jsonify(
            ok=all(each.ok for each in checks if each.is_required), checks=[check_of(each) for each in checks]
        )


def draft_of(given: dict[str, str]) -> Draft | dict[str, Told]:
    """The integration that was asked for, or what is wrong with each field."""
    try:
        asked = CreateIntegration(
            name=given["name"],
            description=given["description"],
            tags=list_of("tags"),
            product=Product.CLOUD,
            method=Method.CONNECT_APP,
        )
    except ValidationError as error:
        return {str(each["loc"][0]): told(_WRONG[str(each["loc"][0])]) for each in error.errors()}
    return Draft(asked.name, asked.description, asked.tags, asked.product, asked.method, asked.settings.model_dump())


def held_of(runtime: Runtime, known: str) -> Integration:
    """One of the account's integrations. Raises Missing."""
    parsed = ids.parse(known)
    if parsed is None:
        raise Missing("There is no such integration.")
    with runtime.store.bound_to_account(guard.account().id) as session:
        return ledger.get(session, parsed)


def shown_of(runtime: Runtime, held: Integration) -> shown.Shown:
    """What the page of an integration says, as `web.shown` says, and how far connecting it is."""
    entities = []
    if held.tenant_id is not None:
        with runtime.store.bound_to(held.tenant_id) as session:
            entities = standing.by_entity(session)
    site = site_of(runtime, held.tenant_id)
    page = shown.integration(held, entities)
    is_paired = bool(page["is"]["paired"])
    is_verified = is_paired and held.state is State.HEALTHY
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
    """One check as the page shows it: never by colour alone."""
    words, found = CHECKS[check.name], told(check.detail)
    look = "good" if check.ok else "bad" if check.is_required else "warn"
    mark = {"good": "✓", "bad": "✗", "warn": "!"}[look]
    spoken = {"good": gettext("passed"), "bad": gettext("failed"), "warn": gettext("not given, and not needed")}[look]
    return {
        "name": gettext(words.name),
        "asks": gettext(words.asks),
        "look": look,
        "mark": mark,
        "spoken": spoken,
        "says": found.says,
        "do": found.do,
    }
