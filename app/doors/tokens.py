"""Reads a Connect token strictly before anything is looked up, and verifies it for one class of route.

PyJWT takes numeric strings as `exp`, lists as `iss`, and the last of two equal keys; each has been somebody's hole.
What is unusual here is refused, and every refusal looks alike from outside.
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
"""Seconds of clock difference we forgive."""
_MAX_TOKEN = 8192
_MAX_ISS = 255
_SEGMENTS = 3
_LARGEST_TIME = 2**40
_FORBIDDEN_HEADERS = frozenset({"crit", "b64", "jku", "jwk", "x5u", "x5c"})


@dataclass(frozen=True)
class Claims:
    """What a token says, types checked; true only once the signature was verified."""

    issuer: str
    subject: str | None
    issued_at: int
    expires_at: int
    query_hash: str
    audience: tuple[str, ...]


@dataclass(frozen=True)
class Unverified:
    """A token that has been read and not yet believed."""

    raw: str
    algorithm: str
    key_id: str | None
    claims: Claims


def read(raw: str, *, algorithm: str, longest_life: int) -> Unverified:
    """Read a token's header and claims. Raises Unproven for everything but the plain shape Atlassian sends."""
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
    return Unverified(raw, algorithm, key_id, _claims(payload, longest_life))


def verify(token: Unverified, key: str | RSAPublicKey) -> Claims:
    """The claims, once the signature and times hold. Raises Unproven."""
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
    """Whether a segment is spelled in the one way that JWT allows: a token with a second spelling would be good twice."""
    try:
        raw = base64.b64decode(segment + "=" * (-len(segment) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return False
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == segment


def _object(segment: str, what: str) -> Mapping[str, object]:
    try:
        raw = base64.b64decode(segment + "=" * (-len(segment) % 4), altchars=b"-_", validate=True)
        found = json.loads(raw.decode("utf-8"), object_pairs_hook=_no_repeats, parse_constant=_no_constant)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise Unproven(f"{what} is not readable") from error
    if not isinstance(found, dict):
        raise Unproven(f"{what} is not an object")
    return found


def _no_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("repeated key")
    return found


def _no_constant(name: str) -> object:
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
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < _LARGEST_TIME:
        raise Unproven(name)
    return value


def _audience(value: object) -> tuple[str, ...]:
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list):
        return ()
    return tuple(each for each in found if isinstance(each, str))
