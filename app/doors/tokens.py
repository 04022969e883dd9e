"""Strict parsing of Connect tokens, before any look-up, and their verification for one class of route.

PyJWT accepts numeric strings as `exp`, lists as `iss`, and the last of two equal keys; each has been a vulnerability
somewhere. Anything unusual is refused here, and every refusal looks the same from outside.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jwt

from app import clock
from app.errors import Unproven

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

LEEWAY = 30
"""Tolerated clock difference in seconds."""
_MAX_TOKEN = 8192
_MAX_ISS = 255
_SEGMENTS = 3
_LARGEST_TIME = 2**40
_FORBIDDEN_HEADERS = frozenset({"crit", "b64", "jku", "jwk", "x5u", "x5c"})


@dataclass(frozen=True)
class Claims:
    """The claims of a token, with checked types. Trust them only after verification."""

    issuer: str
    subject: str | None
    issued_at: int
    expires_at: int
    query_hash: str
    audience: tuple[str, ...]


@dataclass(frozen=True)
class UnverifiedToken:
    """A parsed token before verification."""

    raw: str
    algorithm: str
    key_id: str | None
    claims: Claims


def read(raw: str, *, algorithm: str, longest_life: int) -> UnverifiedToken:
    """Parse a token's header and claims. Raises Unproven for any shape but Atlassian's plain one."""
    if len(raw) > _MAX_TOKEN or raw.count(".") != _SEGMENTS - 1 or not raw.isascii():
        raise Unproven("token size or segments")
    header_part, payload_part, signature = raw.split(".")
    if not all(map(_is_canonical, (header_part, payload_part, signature))):
        raise Unproven("not canonical base64url")
    header, payload = _object(header_part, "header"), _object(payload_part, "payload")
    if header.get("alg") != algorithm:
        raise Unproven(f"algorithm is not {algorithm}")
    if _FORBIDDEN_HEADERS & header.keys():
        raise Unproven("header names its own key or extensions")
    key_id = header.get("kid")
    if key_id is not None and not isinstance(key_id, str):
        raise Unproven("kid is not text")
    if algorithm == "HS256" and key_id is not None:
        raise Unproven("kid on a shared-secret token")
    return UnverifiedToken(raw, algorithm, key_id, _claims(payload, longest_life))


def verify(token: UnverifiedToken, key: str | RSAPublicKey) -> Claims:
    """Verify signature and times, and return the claims. Raises Unproven."""
    try:
        jwt.decode(
            token.raw,
            key,
            algorithms=[token.algorithm],
            leeway=LEEWAY,
            options={"require": ["exp", "iat", "iss", "qsh"], "verify_aud": False, "verify_sub": False},
        )
    except (jwt.PyJWTError, TypeError, ValueError, RecursionError) as error:
        raise Unproven(f"signature or times: {type(error).__name__}") from error
    return token.claims


def _is_canonical(segment: str) -> bool:
    """Whether a segment has JWT's only valid spelling; a second spelling would make one token usable twice."""
    try:
        raw = base64.b64decode(segment + "=" * (-len(segment) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return False
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == segment


def _object(segment: str, part: str) -> Mapping[str, object]:
    try:
        raw = base64.b64decode(segment + "=" * (-len(segment) % 4), altchars=b"-_", validate=True)
        document = json.loads(raw.decode("utf-8"), object_pairs_hook=_reject_repeats, parse_constant=_reject_constant)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise Unproven(f"{part} is not readable") from error
    if not isinstance(document, dict):
        raise Unproven(f"{part} is not an object")
    return document


def _reject_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("repeated key")
    return members


def _reject_constant(name: str) -> object:
    raise ValueError(name)


def _claims(payload: Mapping[str, object], longest_life: int) -> Claims:
    issuer, query_hash, subject = payload.get("iss"), payload.get("qsh"), payload.get("sub")
    if not isinstance(issuer, str) or not 0 < len(issuer) <= _MAX_ISS or not issuer.isprintable():
        raise Unproven("iss")
    if not isinstance(query_hash, str):
        raise Unproven("qsh is missing")
    if subject is not None and (
        not isinstance(subject, str) or not 0 < len(subject) <= _MAX_ISS or not subject.isprintable()
    ):
        raise Unproven("sub")
    issued_at, expires_at = _time(payload, "iat"), _time(payload, "exp")
    if issued_at > clock.epoch() + LEEWAY:
        raise Unproven("iat is in the future")
    if not 0 < expires_at - issued_at <= longest_life:
        raise Unproven("lifetime")
    return Claims(issuer, subject, issued_at, expires_at, query_hash, _audience(payload.get("aud")))


def _time(payload: Mapping[str, object], name: str) -> int:
    value = payload.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < _LARGEST_TIME:
        raise Unproven(name)
    return value


def _audience(value: object) -> tuple[str, ...]:
    audiences = [value] if isinstance(value, str) else value
    if not isinstance(audiences, list):
        return ()
    return tuple(audience for audience in audiences if isinstance(audience, str))
