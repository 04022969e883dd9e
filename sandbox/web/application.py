"""The WSGI application: all routes, with admission, rate limits and faults for every REST request."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote

import orjson
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from sandbox.gate import authentication
from sandbox.gate.authentication import LOGIN_FAILED
from sandbox.oddities import Call, parsed
from sandbox.options import Fault
from sandbox.shapes import ORIGIN, JiraError
from sandbox.web import agile, bulk, catalogue, control, host, issues, people, restricted, search, worklogs
from sandbox.web.callers import accessible_to_connect, account, caller
from sandbox.web.exchange import GATEWAY, JSON_TYPE, SITE, address
from sandbox.web.exchange import site as request_site

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from sandbox.site import Site

_CHOICE = re.compile(r"<any\([^)]*\):(\w+)>")
_CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True)
class Application:
    """The WSGI application of one site."""

    site: Site

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request for the site."""
        environ[SITE] = self.site
        gateway = f"/ex/jira/{self.site.cloud_id}"
        if environ["PATH_INFO"].startswith(f"{gateway}/rest/"):
            environ[GATEWAY] = True
            environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix(gateway)
        return _routes()(environ, start_response)


@cache
def _routes() -> Flask:
    """Return the routes of all sites. Werkzeug compiles each one, which takes longer than most runs of a small site."""
    app = Flask("sandbox", template_folder="templates", static_folder="static", static_url_path="/sandbox/static")
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's default provider has it
    for part in (search, issues, worklogs, catalogue, people, agile, bulk, restricted, control, host):
        app.register_blueprint(part.routes)
    app.before_request(_enter)
    app.after_request(_leave)
    app.register_error_handler(JiraError, _refusal)
    app.register_error_handler(HTTPException, _http_refusal)
    return app


def _template() -> str:
    """Return `METHOD path` with named variables, the key of limits and counters."""
    rule = request.url_rule.rule if request.url_rule else "(unknown)"
    values = request.view_args or {}
    rule = _CHOICE.sub(lambda match: str(values.get(match.group(1), "")), rule)  # one of a few constants is no variable
    path = _CONVERTER.sub(r"{\1}", rule)
    return f"{request.method} {path}"


def _raw_target() -> tuple[str, str]:
    """Return the raw path and query of the request line; Flask decodes its own."""
    target = request.environ.get("REQUEST_URI") or request.environ.get("RAW_URI") or request.full_path
    if target.startswith(("http://", "https://")):
        target = "/" + target.split("/", 3)[3] if target.count("/") > 2 else "/"  # noqa: PLR2004 - absolute form
    path, _, query = target.partition("?")
    return path, query


def _enter() -> Response | None:
    if not request.path.startswith("/rest/"):
        return None
    site: Site = request_site()
    g.template, g.points, g.started = _template(), 1, time.time()
    g.in_flight = site.traffic.enter(g.template, g.started)
    if site.options.latency_ms:
        time.sleep(site.options.latency_ms / 1000)
    path, query = _raw_target()
    is_at_gateway = request.environ.get(GATEWAY, False)
    authorization = request.headers.get("Authorization", "")
    signed_request = authentication.Request(request.method, path, query, authorization, g.template, is_at_gateway)
    burst_headers = site.limiter.admit(g.template, g.in_flight, g.started)
    g.caller = authentication.admit(signed_request, site.lifecycle.state, site.options, site.traffic, site.base_path)
    g.limit_headers = _own_limit(site, g.started) | burst_headers
    if request.method == "GET" and request.get_data():
        raise JiraError(403, "A GET request must not have a body.")
    if request.url_rule is not None and request.blueprint not in {"bulk", "restricted"}:
        accessible_to_connect("READ")
    g.fault = _fault(site, path)
    return _failed(g.fault) if g.fault is not None and g.fault.kind in {"429", "503"} else None


def _own_limit(site: Site, now: float) -> dict[str, str]:
    """Admit the caller within its own limit by the hour: the app's points, or the units of a token's holder."""
    if caller().kind == "connect":
        return site.limiter.admit_app(now)
    return site.limiter.admit_token(caller().holder, now) if caller().kind == "token" else {}


def _fault(site: Site, path: str) -> Fault | None:
    options = site.options
    fault = options.fault_hook(request.method, g.template, path) if options.fault_hook else None
    if fault is None and options.fault_rates:
        chance_value, threshold = site.chance.random(), 0.0
        for kind, rate in options.fault_rates.items():
            threshold += rate
            if chance_value < threshold:
                fault = Fault(kind)  # type: ignore[arg-type]  # an unknown kind has no effect
                break
    if fault is not None:
        site.traffic.note_fault(fault.kind)
    return fault


def _failed(fault: Fault) -> Response:
    answer = Response(
        orjson.dumps({"errorMessages": ["Temporarily unavailable."], "errors": {}}),
        int(fault.kind),
        content_type=JSON_TYPE,
    )
    if fault.retry_after is not None:
        answer.headers["Retry-After"] = str(fault.retry_after)
        scope = g.template
        request_site().traffic.block(scope, time.time(), fault.retry_after)
    return answer


def _leave(answer: Response) -> Response:
    if "template" not in g:
        return answer
    site = request_site()
    fault: Fault | None = g.get("fault")
    if fault is not None and fault.kind == "timeout":
        time.sleep(site.options.fault_timeout_s)
    elif fault is not None and fault.kind == "cut":
        answer.set_data(answer.get_data()[: len(answer.get_data()) // 2])
    _make_odd(site, answer)
    answer.headers.update(g.get("limit_headers") or {})
    answer.headers["X-AREQUESTID"] = f"{int(g.started * 1000):x}"
    if "caller" in g:
        answer.headers.update(_account_headers())
    points = g.points if answer.status_code < 400 else 1  # noqa: PLR2004 - HTTP
    now = time.time()
    if "caller" in g and caller().kind != "anonymous":
        site.limiter.spend(None if caller().kind == "connect" else caller().holder, points, now)
    path, query = _raw_target()
    site.traffic.leave(g.template, f"{path}?{query}" if query else path, answer.status_code, points, now)
    return answer


def _account_headers() -> dict[str, str]:
    if caller().kind == "anonymous":
        return LOGIN_FAILED if caller().has_failed else {}
    return {"X-AACCOUNTID": account()["accountId"]}


def _make_odd(site: Site, answer: Response) -> None:
    """Replace the answer by the first oddity that concerns it, after the edits of those before."""
    if not site.options.oddities or answer.status_code == HTTPStatus.UNAUTHORIZED:
        return
    path, query = _raw_target()
    call = Call(f"{request.method} {path}", unquote(query), request.get_data(as_text=True))
    body, is_odd = parsed(answer.get_data()), False
    for oddity in list(site.options.oddities):
        odd_answer = oddity.replaces(call, answer.status_code, body)
        if odd_answer is None:
            continue
        is_odd = True
        answer.status_code, body = odd_answer
        answer.headers.update(oddity.headers)
        if oddity.edit is None:
            break
    if is_odd:
        # Jira has sent halves of surrogate pairs and numbers of any length, which only this module writes.
        answer.set_data(body if isinstance(body, str) else json.dumps(body))
        answer.content_type = "text/html" if isinstance(body, str) else JSON_TYPE


def _refusal(refusal: JiraError) -> Response:
    raw = orjson.dumps(refusal.body).replace(ORIGIN.encode(), address().encode())
    answer = Response(raw, refusal.status, content_type=JSON_TYPE)
    answer.headers.update(refusal.headers)
    return answer


def _http_refusal(refusal: HTTPException) -> Response:
    """Return Flask's own errors, such as an unknown path or method, in Jira's form."""
    status = refusal.code or 500
    message = "null for uri: " + request.url if status == 404 else (refusal.description or "")  # noqa: PLR2004 - HTTP
    answer = Response(orjson.dumps({"errorMessages": [message], "errors": {}}), status, content_type=JSON_TYPE)
    methods = getattr(refusal, "valid_methods", None)
    if methods:
        answer.headers["Allow"] = ", ".join(sorted(set(methods) - {"OPTIONS", "HEAD"}, reverse=True))
    return answer
