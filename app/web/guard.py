"""One guard, default deny: every blueprint names its one trusted door, and no route has two.

`trusts()` is the only way to open a blueprint; a test walks the URL map and fails on a route without it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus, urlsplit

from flask import g, request, session

from app.conditions import Code
from app.doors.connect import ConnectRequest
from app.errors import Malformed, Unavailable, Unproven
from app.ids import parse
from app.integrations import accounts
from app.web import sessions
from app.web.pace import API, FRAME, LIFECYCLE, Pace

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Blueprint

    from app.doors.tokens import Claims
    from app.integrations.accounts import Account
    from app.runtime import Runtime
    from app.tenants.model import Caller

_BEARER = "bearer "


class Door(StrEnum):
    """The kinds of authentication."""

    LIFECYCLE = "lifecycle: RS256, computed hash"
    SERVER = "server to server: HS256, computed hash"
    PAGE = "page: HS256, computed hash, GET"
    PAGE_API = "page API: context hash"
    SEI_KEY = "SEI API key"
    CONSOLE = "console session"
    PUBLIC = "public"


DOORS: dict[str, Door] = {}
"""Trusted doors by the name of the blueprint."""


def trusts(blueprint: Blueprint, door: Door, runtime: Runtime) -> None:
    """Guard a blueprint: every request to it must pass the door."""
    DOORS[blueprint.name] = door
    check, pace = _CHECKS[door], Pace(runtime.redis)
    blueprint.before_request(lambda: check(runtime, pace))


def caller() -> Caller:
    """The authenticated caller of a Connect door."""
    return g.caller  # type: ignore[no-any-return]  # set by the guard of this very blueprint


def lifecycle() -> tuple[Claims, str]:
    """The verified claims of a lifecycle call, and its raw token."""
    return g.lifecycle  # type: ignore[no-any-return]  # set by the guard of this very blueprint


def account() -> Account:
    """The SEI account of the caller."""
    return g.account  # type: ignore[no-any-return]  # set by the guard of this very blueprint


def connect_request() -> ConnectRequest:
    """The doors' view of this request, from the raw request line: decoding would change the hash."""
    target = _raw_target()
    query = target.partition("?")[2]
    tokens = [
        value for name, _, value in (piece.partition("=") for piece in query.split("&")) if unquote_plus(name) == "jwt"
    ]
    return ConnectRequest(request.method, target, tuple(request.headers.getlist("Authorization")), tuple(tokens))


def _raw_target() -> str:
    """The raw request target: gunicorn's RAW_URI or werkzeug's REQUEST_URI; an absolute form loses its origin."""
    raw = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI")
    if not isinstance(raw, str):
        raise Unavailable(Code.NO_RAW_LINE)
    if not raw.startswith("/"):
        parts = urlsplit(raw)
        raw = parts.path + (f"?{parts.query}" if parts.query else "")
    return raw


def _lifecycle(runtime: Runtime, pace: Pace) -> None:
    g.lifecycle = runtime.connect_door.lifecycle(connect_request())
    pace.keep(LIFECYCLE, g.lifecycle[0].issuer)


def _server(runtime: Runtime, _pace: Pace) -> None:
    g.caller = runtime.connect_door.server(connect_request())


def _page(runtime: Runtime, pace: Pace) -> None:
    g.caller = runtime.connect_door.page(connect_request())
    pace.keep(FRAME, f"{g.caller.tenant.id}/{g.caller.account_id}")


def _page_api(runtime: Runtime, pace: Pace) -> None:
    g.caller = runtime.connect_door.context(connect_request())
    pace.keep(FRAME, f"{g.caller.tenant.id}/{g.caller.account_id}")


def _sei_key(runtime: Runtime, pace: Pace) -> None:
    headers = request.headers.getlist("Authorization")
    if len(headers) != 1 or not headers[0].lower().startswith(_BEARER):
        raise Unproven("no bearer key")
    g.account = accounts.authenticate(runtime.store, headers[0][len(_BEARER) :].strip())
    pace.keep(API, str(g.account.id))


def _console(runtime: Runtime, pace: Pace) -> None:
    account_id = parse(str(session.get("account", "")))
    live_account = accounts.find_live(runtime.store, account_id, str(session.get("key", ""))) if account_id else None
    if live_account is None or not sessions.is_good(runtime.redis, str(session.get("session", ""))):
        session.clear()
        raise Unproven("no console session")
    g.account = live_account
    pace.keep(API, str(live_account.id))


def _public(_runtime: Runtime, _pace: Pace) -> None:
    """Admit everybody, but forms only with their length: no thread waits for an unauthenticated sender."""
    if request.method == "POST" and (request.content_length is None or "Expect" in request.headers):
        raise Malformed(Code.FORM_CUT)


_CHECKS: dict[Door, Callable[[Runtime, Pace], None]] = {
    Door.LIFECYCLE: _lifecycle,
    Door.SERVER: _server,
    Door.PAGE: _page,
    Door.PAGE_API: _page_api,
    Door.SEI_KEY: _sei_key,
    Door.CONSOLE: _console,
    Door.PUBLIC: _public,
}
