"""Authentication of REST requests: JWTs of the app, API tokens, personal access tokens.

Tokens with scopes are good at Atlassian's gateway only: the site answers them 401 (measured in
github.com/sooperset/mcp-atlassian/issues/968). Classic tokens belong to the site by support.atlassian.com, "Manage API
tokens for your Atlassian account"; no measurement of one at the gateway was found, so it is refused there.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import jwt

from sandbox.connect.query_hash import accepted_hashes
from sandbox.gate.scopes import access_to
from sandbox.shapes import JiraError

if TYPE_CHECKING:
    from sandbox.connect.installation import Installation
    from sandbox.gate.traffic import Traffic
    from sandbox.options import Options

LEEWAY_S = 30
PROPER_LIFE_S = 180
LONGEST_LIFE_S = 3600
_DOTS_OF_A_JWT = 2


@dataclass(frozen=True, slots=True)
class Caller:
    """The app with its scopes, a person with a token, or somebody without credentials."""

    kind: Literal["connect", "token", "anonymous"]
    scopes: frozenset[str] = frozenset()
    email: str | None = None
    has_failed: bool = False  # sent credentials of somebody unknown

    @property
    def holder(self) -> str:
        """The address of a token's account, in lower case; empty for a personal access token."""
        return (self.email or "").casefold()


@dataclass(frozen=True, slots=True)
class Request:
    """The parts of a request that authentication needs, raw as on the request line."""

    method: str
    path: str
    query: str
    authorization: str
    template: str
    is_at_gateway: bool = False


LOGIN_FAILED = {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}
"""Header of every answer to Basic credentials that name an unknown user, the good answers to anonymous ones included."""


def unauthorized(*, has_failed: bool = False) -> JiraError:
    """Return Jira's 401 answer."""
    message = "Client must be authenticated to access this resource."
    return JiraError(
        401,
        message,
        body={"message": message, "status-code": 401},
        headers={"WWW-Authenticate": 'OAuth realm="sandbox"', **(LOGIN_FAILED if has_failed else {})},
    )


def admit(request: Request, state: Installation, options: Options, traffic: Traffic, site_path: str = "") -> Caller:
    """Return the caller. Raises JiraError 401 without a reason, or 403 for a bearer token that isn't a JWT."""
    scheme, _, credentials = request.authorization.partition(" ")
    if request.is_at_gateway:
        return _with_scopes(request, scheme, credentials, options)
    if scheme == "JWT":
        return _app(request, credentials, state, traffic, site_path)
    if scheme == "Bearer":
        return _bearer(credentials, options)
    email, token = _pair(credentials) if scheme == "Basic" else ("", "")
    if token and _is_token_of(email, token, options):
        return Caller("token", email=email)
    access = access_to(request.template)
    if options.anonymous_access and access is not None and access.is_anonymous:
        return Caller("anonymous", has_failed=bool(email))
    raise unauthorized(has_failed=bool(email))


def _bearer(token: str, options: Options) -> Caller:
    """The owner of a personal access token. A site takes other bearer tokens for the session of an app."""
    if any(hmac.compare_digest(token.encode(), personal_token.encode()) for personal_token in options.personal_tokens):
        return Caller("token")
    if token.count(".") == _DOTS_OF_A_JWT:
        raise unauthorized()
    message = "Failed to parse Connect Session Auth Token"
    raise JiraError(403, message, body={"error": message})


def _app(request: Request, token: str, state: Installation, traffic: Traffic, site_path: str) -> Caller:
    if not (state.is_installed and state.is_enabled and state.shared_secret and state.descriptor):
        raise unauthorized()
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            state.shared_secret,
            algorithms=["HS256"],
            leeway=LEEWAY_S,
            options={"require": ["exp", "iat", "iss", "qsh"], "verify_aud": False},
        )
    except (jwt.PyJWTError, TypeError, ValueError, RecursionError):
        raise unauthorized() from None
    life = claims["exp"] - claims["iat"] if isinstance(claims["exp"], int) and isinstance(claims["iat"], int) else -1
    is_ours = claims["iss"] == state.descriptor.key and claims["iat"] <= time.time() + LEEWAY_S
    if not is_ours or not 0 < life <= LONGEST_LIFE_S:
        raise unauthorized()
    if claims["qsh"] not in accepted_hashes(request.method, request.path, request.query, site_path):
        raise unauthorized()
    if life > PROPER_LIFE_S:
        traffic.note_long_lived_token()
    return Caller("connect", state.descriptor.scopes)


def _with_scopes(request: Request, scheme: str, credentials: str, options: Options) -> Caller:
    """The account of a token with scopes. Raises JiraError 401, with another text for a scope that it lacks."""
    email, token = _pair(credentials) if scheme == "Basic" else ("", "")
    pair = f"{email.casefold()}:{token}"
    scopes = next((scopes for owner, scopes in options.scoped_tokens.items() if _is_equal(_folded(owner), pair)), None)
    if scopes is None:
        raise JiraError(401, "Unauthorized", body={"code": 401, "message": "Unauthorized"})
    access = access_to(request.template)
    if access is None or not access.allows(frozenset(scopes)):
        message = "Unauthorized; scope does not match"
        raise JiraError(401, message, body={"code": 401, "message": message})
    return Caller("token", email=email)


def _folded(pair: str) -> str:
    """`e-mail:token` with the address in lower case."""
    email, colon, token = pair.partition(":")
    return f"{email.casefold()}{colon}{token}"


def _pair(credentials: str) -> tuple[str, str]:
    """E-mail address and token; empty for other text."""
    try:
        email, _, token = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return email, token


def _is_token_of(email: str, token: str, options: Options) -> bool:
    """Whether the account has the classic token; addresses are compared without case, as real sites do."""
    owners = (secret for owner, secret in options.api_tokens.items() if owner.casefold() == email.casefold())
    return any(_is_equal(secret, token) for secret in owners)


def _is_equal(secret: str | None, text: str) -> bool:
    return secret is not None and hmac.compare_digest(secret.encode(), text.encode())
