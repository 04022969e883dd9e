"""SEI's console: the same use cases as the API, for people. Sign in with an API key."""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING

from flask import Blueprint, Response, jsonify, redirect, render_template, request, session, url_for
from pydantic import ValidationError

from app import ids
from app.catalog.extract import clean
from app.errors import Forbidden, Missing, TooMany, Unproven
from app.integrations import accounts, ledger
from app.integrations.ledger import Draft
from app.integrations.model import Integration, Method, Product
from app.web import guard, sessions
from app.web.api.integrations import check_connection, progress_of, site_of
from app.web.api.shapes import CreateIntegration
from app.web.guard import Door, trusts

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

    from app.runtime import Runtime

MARKETPLACE = "https://marketplace.atlassian.com/apps/1231375"


def blueprints(runtime: Runtime) -> list[Blueprint]:
    """Signing in is public, the rest needs a session."""
    return [_sign_in(runtime), _pages(runtime)]


def _csrf() -> str:
    """The token that a form of ours carries, one a session."""
    if "csrf" not in session:
        session["csrf"] = secrets.token_urlsafe(32)
    return str(session["csrf"])


def _require_csrf() -> None:
    sent = request.form.get("csrf") or request.headers.get("X-CSRF-Token", "")
    if not hmac.compare_digest(sent.encode(), str(session.get("csrf", "")).encode()) or not sent:
        raise Forbidden("This page is too old. Reload it and try again.")


def _sign_in(runtime: Runtime) -> Blueprint:
    routes = Blueprint("console_sign_in", __name__, url_prefix="/console")
    trusts(routes, Door.PUBLIC, runtime)

    @routes.get("/sign-in")
    def form() -> str:
        return render_template("sign_in.html", csrf=_csrf(), problem=None)

    @routes.post("/sign-in")
    def sign_in() -> AnyResponse | tuple[str, int] | tuple[str, int, dict[str, str]]:
        _require_csrf()
        try:
            key = request.form.get("key", "").strip()
            runtime.attempts.count_login(str(request.remote_addr), accounts.prefix_of(key))
            account = accounts.authenticate(runtime.store, key)
        except TooMany as error:
            page = render_template("sign_in.html", csrf=_csrf(), problem=str(error))
            return page, 429, {"Retry-After": str(error.retry_after)}
        except Unproven:
            words = "This API key is not known. Check that it was copied whole."
            return render_template("sign_in.html", csrf=_csrf(), problem=words), 401
        session.clear()
        session.permanent = True
        session.update(account=str(account.id), key=accounts.prefix_of(key), session=sessions.begin(runtime.redis))
        return redirect(url_for("console.index"), 303)

    return routes


def _pages(runtime: Runtime) -> Blueprint:
    routes = Blueprint("console", __name__, url_prefix="/console")

    @routes.errorhandler(Unproven)
    def signed_out(_error: Unproven) -> AnyResponse:
        return redirect(url_for("console_sign_in.form"), 303)

    trusts(routes, Door.CONSOLE, runtime)

    @routes.before_request
    def guard_forms() -> None:
        if request.method != "GET":
            _require_csrf()

    @routes.get("")
    def index() -> str:
        account = guard.account()
        with runtime.store.bound_to_account(account.id) as work:
            search = clean(request.args.get("search", ""))[:200] or None
            found = ledger.page_of(work, account.id, page=1, page_size=200, search=search)
        sites = {each.id: site_of(runtime, each.tenant_id) for each in found.found}
        return render_template("console.html", account=account, found=found, sites=sites, csrf=_csrf(), problem=None)

    @routes.post("")
    def create() -> AnyResponse | tuple[str, int]:
        account = guard.account()
        tags = [tag.strip() for tag in request.form.get("tags", "").split(",") if tag.strip()]
        try:
            asked = CreateIntegration(
                name=request.form.get("name", ""),
                description=request.form.get("description", ""),
                tags=tags,
                product=Product.CLOUD,
                method=Method.CONNECT_APP,
            )
        except ValidationError:
            return _index_with("Give the integration a name of at most 200 characters.")
        draft = Draft(
            asked.name, asked.description, asked.tags, asked.product, asked.method, asked.settings.model_dump()
        )
        with runtime.store.bound_to_account(account.id) as work:
            made = ledger.create(work, account.id, draft)
        return redirect(url_for("console.detail", known=made.id), 303)

    def _index_with(problem: str) -> tuple[str, int]:
        account = guard.account()
        with runtime.store.bound_to_account(account.id) as work:
            found = ledger.page_of(work, account.id, page=1, page_size=200, search=None)
        page = render_template("console.html", account=account, found=found, sites={}, csrf=_csrf(), problem=problem)
        return page, 400

    @routes.post("/sign-out")
    def sign_out() -> AnyResponse:
        sessions.end(runtime.redis, str(session.get("session", "")))
        session.clear()
        return redirect(url_for("console_sign_in.form"), 303)

    _add_detail(routes, runtime)
    return routes


def _add_detail(routes: Blueprint, runtime: Runtime) -> None:
    @routes.get("/integrations/<known>")
    def detail(known: str) -> str:
        held = _held(runtime, known)
        site = site_of(runtime, held.tenant_id)
        return render_template(
            "integration.html", account=guard.account(), held=held, site=site, csrf=_csrf(), install=MARKETPLACE
        )

    @routes.post("/integrations/<known>/otp")
    def mint(known: str) -> Response:
        made = runtime.mint.mint(guard.account().id, _held(runtime, known).id)
        return jsonify(otp=made.otp, expires_in=made.expires_in)

    @routes.post("/integrations/<known>/validate")
    def validate(known: str) -> Response:
        checks = check_connection(runtime, _held(runtime, known))
        return jsonify(ok=all(each.ok for each in checks if each.is_required), checks=[vars(each) for each in checks])

    @routes.get("/integrations/<known>/progress")
    def progress(known: str) -> Response:
        held = _held(runtime, known)
        shown = progress_of(runtime, held).model_dump(mode="json")
        return jsonify(**shown, site=site_of(runtime, held.tenant_id))


def _held(runtime: Runtime, known: str) -> Integration:
    parsed = ids.parse(known)
    if parsed is None:
        raise Missing("There is no such integration.")
    with runtime.store.bound_to_account(guard.account().id) as work:
        return ledger.get(work, parsed)
