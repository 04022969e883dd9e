"""Who calls the REST API, and whether Jira would let them in."""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import jwt

from sandbox.connect.query_hash import accepted_hashes
from sandbox.shapes import JiraError

if TYPE_CHECKING:
    from sandbox.connect.installation import Installation
    from sandbox.gate.traffic import Traffic
    from sandbox.options import Options

LEEWAY_S = 30
PROPER_LIFE_S = 180
LONGEST_LIFE_S = 3600


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the app with its scopes, or a person with a token and no scopes at all."""

    kind: Literal["connect", "token"]
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Request:
    """What of a request is signed, raw as on the request line."""

    method: str
    path: str
    query: str
    authorization: str


def refused() -> JiraError:
    """Return Jira's 401."""
    message = "Client must be authenticated to access this resource."
    return JiraError(
        401,
        message,
        body={"message": message, "status-code": 401},
        headers={"WWW-Authenticate": 'OAuth realm="sandbox"'},
    )


def admit(request: Request, state: Installation, options: Options, traffic: Traffic, site_path: str = "") -> Caller:
    """Return the caller, or raise 401 without saying why."""
    scheme, _, credentials = request.authorization.partition(" ")
    if scheme == "JWT":
        return _app(request, credentials, state, traffic, site_path)
    if scheme == "Basic" and _is_basic(credentials, options):
        return Caller("token")
    if scheme == "Bearer" and any(
        hmac.compare_digest(credentials.encode(), each.encode()) for each in options.personal_tokens
    ):
        return Caller("token")
    raise refused()


def _app(request: Request, token: str, state: Installation, traffic: Traffic, site_path: str) -> Caller:
    if not (state.installed and state.enabled and state.shared_secret and state.descriptor):
        raise refused()
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            state.shared_secret,
            algorithms=["HS256"],
            leeway=LEEWAY_S,
            options={"require": ["exp", "iat", "iss", "qsh"], "verify_aud": False},
        )
    except (jwt.PyJWTError, TypeError, ValueError, RecursionError):
        raise refused() from None
    life = claims["exp"] - claims["iat"] if isinstance(claims["exp"], int) and isinstance(claims["iat"], int) else -1
    is_ours = claims["iss"] == state.descriptor.key and claims["iat"] <= time.time() + LEEWAY_S
    if not is_ours or not 0 < life <= LONGEST_LIFE_S:
        raise refused()
    if claims["qsh"] not in accepted_hashes(request.method, request.path, request.query, site_path):
        raise refused()
    if life > PROPER_LIFE_S:
        traffic.note_long_lived_token()
    return Caller("connect", state.descriptor.scopes)


def _is_basic(credentials: str, options: Options) -> bool:
    try:
        email, _, token = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return False
    kept = options.api_tokens.get(email)
    return kept is not None and hmac.compare_digest(kept.encode(), token.encode())
