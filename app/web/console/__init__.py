"""SEI's console: the API's actions, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, redirect, request, session, url_for

from app.errors import Unproven
from app.web import guard, sessions
from app.web.console import connecting, detail, listing, people, settings, signing_in, tokens
from app.web.console.forms import csrf, require_csrf
from app.web.guard import Door, trusts

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

    from app.runtime import Runtime


def blueprints(runtime: Runtime) -> list[Blueprint]:
    """Signing in is public, the rest needs a session."""
    return [signing_in.blueprint(runtime), _pages(runtime)]


def _pages(runtime: Runtime) -> Blueprint:
    routes = Blueprint("console", __name__, url_prefix="/console")

    @routes.errorhandler(Unproven)
    def signed_out(_error: Unproven) -> AnyResponse:
        return redirect(url_for("console_sign_in.form"), 303)

    trusts(routes, Door.CONSOLE, runtime)
    people.admit_files(routes)

    @routes.before_request
    def guard_forms() -> None:
        if request.method != "GET":
            require_csrf()

    @routes.context_processor
    def page_context() -> dict[str, object]:
        return {"account": guard.account(), "csrf": csrf()}

    @routes.post("/sign-out")
    def sign_out() -> AnyResponse:
        sessions.end(runtime.redis, str(session.get("session", "")))
        session.clear()
        return redirect(url_for("console_sign_in.form"), 303)

    for part in (listing, people, connecting, tokens, detail, settings):
        part.add(routes, runtime)
    return routes
