"""Errors in the form for callers: problem+json (RFC 9457) for programs, a page for people; never a stack trace.

The class of an error decides its status, here and nowhere else; its condition becomes sentences in `web.words`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from flask import Response, render_template, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import HTTPException

from app import ids, logs
from app.conditions import Code, Condition
from app.errors import (
    AppError,
    Conflicting,
    Forbidden,
    Gone,
    JiraFailure,
    Malformed,
    Missing,
    ProgrammingFault,
    Refused,
    StartAnew,
    TooMany,
    Unavailable,
    Unproven,
)
from app.integrations.validate import ConnectionUnfit
from app.people import UnfitFile
from app.web.api.people import ShownBadLine
from app.web.api.shapes import ShownCheck
from app.web.words import sentences

if TYPE_CHECKING:
    from flask import Flask

log = logs.get(__name__)

_STATUS: dict[type[Refused], tuple[int, str]] = {
    Malformed: (400, "Malformed request"),
    Unproven: (401, "Authentication failed"),
    Forbidden: (403, "Not allowed"),
    Missing: (404, "Not found"),
    Conflicting: (409, "Conflict"),
    ConnectionUnfit: (422, "The connection is not fit"),
    Gone: (410, "Gone"),
    TooMany: (429, "Too many requests"),
}
_CODES = {404: Code.NO_PAGE, 405: Code.NO_PAGE, 413: Code.BODY_TOO_LARGE}
"""Codes of werkzeug's errors, by status."""
JSON = "application/problem+json"
PEOPLE = frozenset({"jira_pages", "console", "console_sign_in"})
"""Blueprints for people in a browser."""
_SCRIPTS = frozenset({"jira_pairing", "console", "console_sign_in"})
"""Blueprints for the scripts of our pages, which show the answer as it is."""


def register(app: Flask, *, app_key: str) -> None:  # noqa: C901 - handlers side by side
    """Register handlers for every error of the app."""

    def refused(error: Refused) -> Response:
        status, title = next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)
        if isinstance(error, Unproven):
            log.info("refused", reason=error.reason, path=request.path)
        answer = respond(status, title, error.condition, **_members_of(error))
        if isinstance(error, TooMany):
            answer.headers["Retry-After"] = str(error.retry_after)
        if isinstance(error, Unproven):
            answer.headers["WWW-Authenticate"] = f'JWT realm="{app_key}"' if _is_connect() else "Bearer"
        return answer

    def unavailable(error: Unavailable) -> Response:
        log.warning("unavailable", reason=str(error), path=request.path)
        return _trouble(error.condition)

    def jira_failed(error: JiraFailure) -> Response:
        log.warning("jira failed", reason=str(error), path=request.path)
        answer = respond(503, "Jira did not answer as expected", Condition(Code.JIRA_FAILED))
        answer.headers["Retry-After"] = "60"
        return answer

    def http(error: HTTPException) -> Response:
        answer = respond(error.code or 500, error.name, _condition_of(error))
        if error.code == 405:  # noqa: PLR2004 - the status that says which methods there are
            answer.headers["Allow"] = dict(error.get_headers()).get("Allow", "")
        return answer

    def unexpected(error: Exception) -> Response:
        incident = str(ids.new())
        log.error("unexpected", incident=incident, path=request.path, exc_info=error)
        return respond(500, "Unexpected error", Condition(Code.UNEXPECTED, incident=incident))

    def too_deep(_error: RecursionError) -> Response:
        return respond(400, "Malformed request", Condition(Code.BODY_TOO_DEEP))

    def misframed(_error: ParseException) -> Response:
        return respond(400, "Bad Request", Condition(Code.BODY_MISFRAMED))

    app.register_error_handler(RecursionError, too_deep)
    app.register_error_handler(ParseException, misframed)
    app.register_error_handler(AppError, _out_of_order)
    app.register_error_handler(ProgrammingFault, unexpected)
    app.register_error_handler(Refused, refused)
    app.register_error_handler(Unavailable, unavailable)
    app.register_error_handler(JiraFailure, jira_failed)
    app.register_error_handler(HTTPException, http)
    app.register_error_handler(Exception, unexpected)


def _members_of(error: Refused) -> dict[str, object]:
    """Further members of the problem document."""
    if isinstance(error, ConnectionUnfit):
        return {"checks": [ShownCheck.of(check).model_dump() for check in error.checks]}
    if isinstance(error, UnfitFile):
        return {"bad_lines": [ShownBadLine.of(line).model_dump() for line in error.bad_lines]}
    if not isinstance(error, StartAnew):
        return {}
    log.warning("a reader of the feed has to start anew", code=error.condition.code, path=request.path)
    return {"restart": True}


def _out_of_order(error: AppError) -> Response:
    # An AppError's text is for logs; its cause may quote values.
    log.error("out of order", error=type(error).__name__, reason=str(error), path=request.path)
    return _trouble(Condition(Code.OUT_OF_ORDER))


def _trouble(condition: Condition) -> Response:
    answer = respond(503, "Service trouble", condition)
    answer.headers["Retry-After"] = "30"
    return answer


def _condition_of(error: HTTPException) -> Condition:
    return Condition(_CODES.get(error.code or 500, Code.OTHER), text=error.description or error.name)


def respond(status: int, title: str, condition: Condition, **members: object) -> Response:
    """The answer to an error, in the form for this caller; `members` are further ones of a program's document."""
    explanation = sentences.explain(condition)
    if request.blueprint in PEOPLE and not _is_a_scripts_call():
        is_in_jira = request.blueprint == "jira_pages"
        page = render_template("error.html", explanation=explanation, status=status, is_in_jira=is_in_jira)
        return Response(page, status, mimetype="text/html")
    if status == 401:  # noqa: PLR2004 - one bare answer for every failed authentication
        return problem(status, title, sentences.english(condition))
    if request.blueprint in _SCRIPTS:
        return problem(status, title, explanation.notice, remedy=explanation.remedy, code=condition.code)
    remedy = {"remedy": explanation.remedy} if sentences.has_notice(condition) else {}
    return problem(status, title, sentences.english(condition), code=condition.code, **remedy, **members)


def _is_a_scripts_call() -> bool:
    preferences = request.accept_mimetypes
    return preferences["application/json"] > preferences["text/html"]


def problem(status: int, title: str, detail: str, **members: object) -> Response:
    """The response with a problem document."""
    return Response(document(status, title, detail, **members), status, mimetype=JSON)


def document(status: int, title: str, detail: str, **members: object) -> bytes:
    """The body of a problem document."""
    return orjson.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail, **members})


def _is_connect() -> bool:
    return request.path.startswith(("/connect/", "/jira/"))
