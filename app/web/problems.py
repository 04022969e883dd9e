"""Errors as callers see them: problem+json (RFC 9457) for programs, a page for people; never a stack trace.

The class of an error decides its status, here and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from flask import Response, render_template, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import HTTPException

from app import ids, logs
from app.errors import (
    AppError,
    Conflicting,
    Forbidden,
    Gone,
    JiraFailure,
    Malformed,
    Missing,
    Refused,
    TooMany,
    Unavailable,
    Unproven,
)
from app.web.words import errors as words

if TYPE_CHECKING:
    from flask import Flask

log = logs.get(__name__)

_STATUS: dict[type[Refused], tuple[int, str]] = {
    Malformed: (400, "Malformed request"),
    Unproven: (401, "Authentication failed"),
    Forbidden: (403, "Not allowed"),
    Missing: (404, "Not found"),
    Conflicting: (409, "Conflict"),
    Gone: (410, "Gone"),
    TooMany: (429, "Too many requests"),
}
JSON = "application/problem+json"
PEOPLE = frozenset({"jira_pages", "console", "console_sign_in"})
"""Blueprints whose callers are people in a browser."""
_SCRIPTS = frozenset({"jira_pairing", "console", "console_sign_in"})
"""Blueprints that our pages' scripts call: they show what they are told."""


def register(app: Flask, *, app_key: str) -> None:  # noqa: C901 - handlers side by side
    """Answer every error of the app."""

    def refused(error: Refused) -> Response:
        status, title = next(_STATUS[each] for each in type(error).__mro__ if each in _STATUS)
        if isinstance(error, Unproven):
            log.info("refused", reason=error.reason, path=request.path)
        answer = respond(status, title, str(error))
        if isinstance(error, TooMany):
            answer.headers["Retry-After"] = str(error.retry_after)
        if isinstance(error, Unproven):
            answer.headers["WWW-Authenticate"] = f'JWT realm="{app_key}"' if _is_connect() else "Bearer"
        return answer

    def unavailable(error: Unavailable) -> Response:
        log.warning("unavailable", reason=str(error), path=request.path)
        answer = respond(503, "Service trouble", str(error))
        answer.headers["Retry-After"] = "30"
        return answer

    def jira_failed(error: JiraFailure) -> Response:
        log.warning("jira failed", reason=str(error), path=request.path)
        answer = respond(
            503, "Jira did not answer as expected", "Jira cannot be asked right now. Try again in a minute."
        )
        answer.headers["Retry-After"] = "60"
        return answer

    def http(error: HTTPException) -> Response:
        answer = respond(error.code or 500, error.name, error.description or error.name)
        if error.code == 405:  # noqa: PLR2004 - the status that says which methods there are
            answer.headers["Allow"] = dict(error.get_headers()).get("Allow", "")
        return answer

    def unexpected(error: Exception) -> Response:
        incident = str(ids.new())
        log.error("unexpected", incident=incident, path=request.path, exc_info=error)
        return respond(500, "Unexpected error", f"We noted this as {incident}.")

    def too_deep(_error: RecursionError) -> Response:
        return respond(400, "Malformed request", "The body is nested too deeply.")

    def misframed(_error: ParseException) -> Response:
        return respond(400, "Bad Request", "The body does not come in the pieces that it says.")

    app.register_error_handler(RecursionError, too_deep)
    app.register_error_handler(ParseException, misframed)
    app.register_error_handler(AppError, lambda _error: unavailable(Unavailable("Something of ours is out of order.")))
    app.register_error_handler(Refused, refused)
    app.register_error_handler(Unavailable, unavailable)
    app.register_error_handler(JiraFailure, jira_failed)
    app.register_error_handler(HTTPException, http)
    app.register_error_handler(Exception, unexpected)


def respond(status: int, title: str, detail: str) -> Response:
    """An error in the form that this caller reads."""
    told = words.told(detail)
    if request.blueprint in PEOPLE and not _is_a_scripts_call():
        is_in_jira = request.blueprint == "jira_pages"
        page = render_template("error.html", told=told, status=status, is_in_jira=is_in_jira)
        return Response(page, status, mimetype="text/html")
    if status == 401:  # noqa: PLR2004 - one bare answer for whoever proves nothing, the same for all reasons
        return problem(status, title, detail)
    if request.blueprint in _SCRIPTS:
        return problem(status, title, told.says, remedy=told.do, code=told.code)
    return problem(status, title, detail, **_remedy(detail))


def _is_a_scripts_call() -> bool:
    accepted = request.accept_mimetypes
    return accepted["application/json"] > accepted["text/html"]


def _remedy(detail: str) -> dict[str, str]:
    """What to do, where the catalogue knows it."""
    return {"remedy": words.told(detail).do} if words.find(detail) else {}


def problem(status: int, title: str, detail: str, **more: object) -> Response:
    """A problem document."""
    return Response(document(status, title, detail, **more), status, mimetype=JSON)


def document(status: int, title: str, detail: str, **more: object) -> bytes:
    """Its body."""
    return orjson.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail, **more})


def _is_connect() -> bool:
    return request.path.startswith(("/connect/", "/jira/"))
