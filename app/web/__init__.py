"""The web layer, the only one that knows Flask. `create_app` puts the routes behind their doors."""

from __future__ import annotations

import atexit
from contextlib import ExitStack
from time import perf_counter
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, g, request, send_from_directory
from flask_openapi3 import Info, OpenAPI

from app import logs
from app import runtime as parts
from app.conditions import Code, Condition
from app.web import api, connect, console, headers, health, jira_pages, problems, sessions, shown
from app.web.commands import GROUPS
from app.web.guard import Door, trusts
from app.web.words import language, sentences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pydantic import ValidationError

    from app.runtime import Runtime

log = logs.get(__name__)

_DEFAULT_BYTES = 64 * 1024


def create_app(runtime: Runtime | None = None) -> OpenAPI:
    """Create the web application; without a runtime, one from the environment lives as long as the process."""
    runtime = runtime or _own_runtime()
    app = OpenAPI(
        __name__,
        info=Info(title="SEI Connect for Jira", version="1", description="Integrations, pairing and the change feed."),
        security_schemes={"api_key": {"type": "http", "scheme": "bearer"}},
        doc_ui=False,
        static_folder=None,
        validation_error_status=400,
        validation_error_callback=_invalid,
    )
    app.config.update(
        MAX_CONTENT_LENGTH=_DEFAULT_BYTES,
        MAX_FORM_MEMORY_SIZE=_DEFAULT_BYTES,
        SECRET_KEY=runtime.session_keys[0],
        SECRET_KEY_FALLBACKS=list(runtime.session_keys[1:]),
        SESSION_COOKIE_NAME="sei_console",
        SESSION_COOKIE_PATH=f"{runtime.settings.base_path}/console",
        SESSION_COOKIE_HTTPONLY=True,
        # Lax with a sign-in provider: people return from it across sites, and the cookie must come along.
        SESSION_COOKIE_SAMESITE="Lax" if runtime.settings.oidc_issuer else "Strict",
        SESSION_COOKIE_SECURE=runtime.settings.base_url.startswith("https://"),
        PERMANENT_SESSION_LIFETIME=sessions.LIFE,
        SESSION_REFRESH_EACH_REQUEST=False,
    )
    app.url_map.strict_slashes = True
    app.url_map.merge_slashes = False
    app.url_map.redirect_defaults = False
    app.wsgi_app = Mounted(app.wsgi_app, runtime.settings.base_paths)  # type: ignore[method-assign]  # Flask's documented way to wrap
    base = runtime.settings.base_path
    app.jinja_env.globals.update(static=lambda name: f"{base}/static/{name}", pairing=f"{base}/jira/pairing", base=base)
    language.register(app)
    shown.register(app)
    _log_requests(app)
    problems.register(app, app_key=runtime.settings.app_key)
    headers.register(app)
    api.register(app, runtime)
    for part in (connect, jira_pages, console, health):
        for blueprint in part.blueprints(runtime):
            app.register_blueprint(blueprint)
    app.register_blueprint(_static(runtime))
    for group in GROUPS:
        app.cli.add_command(group)
    return app


def _log_requests(app: OpenAPI) -> None:
    """Log one line a request, without its query: page addresses hold tokens there."""

    @app.before_request
    def start() -> None:
        g.started = perf_counter()

    @app.after_request
    def finish(response: Response) -> Response:
        if request.blueprint not in {"health", "static_files"}:
            duration_ms = round((perf_counter() - g.get("started", perf_counter())) * 1000)
            log.info("request", method=request.method, path=request.path, status=response.status_code, ms=duration_ms)
        return response


class Mounted:
    """Serves the app below the paths of its bases only."""

    def __init__(self, inner: Callable[..., Iterable[bytes]], base_paths: Iterable[str]) -> None:
        self._inner = inner
        self._bases = sorted(base_paths, key=len, reverse=True)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        """Strip the longest base from the path, once."""
        path = environ.get("PATH_INFO", "")
        base = next((base for base in self._bases if path == base or path.startswith(f"{base}/")), None)
        if base is not None:
            environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + base
            environ["PATH_INFO"] = path[len(base) :]
        elif path not in {"/livez", "/readyz", "/metrics"} and "" not in self._bases:
            environ["PATH_INFO"] = "/outside-of-the-base-path"
        return self._inner(environ, start_response)


def _own_runtime() -> Runtime:
    stack = ExitStack()
    runtime = stack.enter_context(parts.running())
    atexit.register(stack.close)
    return runtime


def _static(runtime: Runtime) -> Blueprint:
    routes = Blueprint("static_files", __name__)
    trusts(routes, Door.PUBLIC, runtime)

    @routes.get("/static/<path:name>")
    def static_file(name: str) -> Response:
        return send_from_directory("static", name)

    return routes


def _invalid(error: ValidationError) -> Response:
    """The problems of a call to the API, field by field, without its values."""
    fields = [
        {"field": ".".join(str(step) for step in fault["loc"]) or "body", "problem": fault["msg"]}
        for fault in error.errors()
    ]
    summary = "; ".join(f"{field['field']}: {field['problem']}" for field in fields[:10])
    condition = Condition(Code.INVALID, fields=summary)
    detail = sentences.english(condition)
    return problems.problem(400, "Malformed request", detail, code=condition.code, errors=fields[:50])
