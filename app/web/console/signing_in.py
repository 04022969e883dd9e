"""Signing in to the console: with an API key, or through the organisation's own provider (OpenID Connect)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, make_response, redirect, render_template, request, session, url_for

from app import logs
from app.conditions import Code, Condition
from app.errors import TooMany, Unproven
from app.integrations import accounts
from app.web import sessions
from app.web.console import provider
from app.web.console.forms import csrf, require_csrf
from app.web.guard import Door, trusts
from app.web.words.sentences import explain

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Response as AnyResponse

    from app.integrations.accounts import Account
    from app.runtime import Runtime

log = logs.get(__name__)


def blueprint(runtime: Runtime) -> Blueprint:
    """The public routes: nobody has a session yet."""
    routes = Blueprint("console_sign_in", __name__, url_prefix="/console")
    trusts(routes, Door.PUBLIC, runtime)

    def page(problem: Condition | None = None, status: int = 200) -> tuple[str, int]:
        explanation = explain(problem) if problem else None
        return render_template(
            "sign_in.html", csrf=csrf(), problem=explanation, has_provider=runtime.settings.has_oidc
        ), status

    @routes.get("/sign-in")
    def form() -> tuple[str, int]:
        return page()

    @routes.post("/sign-in")
    def sign_in() -> AnyResponse | tuple[str, int]:
        require_csrf()
        key = request.form.get("key", "").strip()
        try:
            runtime.attempts.count_login(str(request.remote_addr), accounts.prefix_of(key))
            account = accounts.authenticate(runtime.store, key)
        except TooMany as error:
            response = make_response(page(error.condition, 429))
            response.headers["Retry-After"] = str(error.retry_after)
            return response
        except Unproven:
            return page(Condition(Code.UNKNOWN_API_KEY), 401)
        return enter(account, accounts.prefix_of(key))

    def enter(account: Account, opened_by: str) -> AnyResponse:
        session.clear()
        session.permanent = True
        session.update(account=str(account.id), key=opened_by, session=sessions.begin(runtime.redis))
        return redirect(url_for("console.index"), 303)

    if runtime.settings.has_oidc:
        _add_provider(routes, runtime, page, enter)
    return routes


def _add_provider(
    routes: Blueprint,
    runtime: Runtime,
    page: Callable[[Condition, int], tuple[str, int]],
    enter: Callable[[Account, str], AnyResponse],
) -> None:
    oidc = provider.Provider(runtime.settings)

    @routes.get("/sign-in/provider")
    def leave() -> AnyResponse | tuple[str, int]:
        try:
            return oidc.send_away()
        except (provider.Away, provider.NotProven):
            return page(Condition(Code.PROVIDER_AWAY), 503)

    @routes.get("/sign-in/provider/back")
    def come_back() -> AnyResponse | tuple[str, int]:
        try:
            name = oidc.account_named()
        except provider.Away:
            return page(Condition(Code.PROVIDER_AWAY), 503)
        except provider.NotProven as failure:
            log.info("refused", reason=f"provider: {failure}", path=request.path)
            return page(Condition(Code.SIGN_IN_FAILED), 401)
        account = accounts.named(runtime.store, name) if name else None
        if account is None:
            return page(Condition(Code.NO_ACCOUNT), 403)
        return enter(account, accounts.BY_PROVIDER)
