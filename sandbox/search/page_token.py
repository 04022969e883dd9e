"""The opaque `nextPageToken`: a position in a walk, sealed, bound to its query, valid for seven days."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

import orjson

from sandbox.moments import DAY
from sandbox.shapes import JiraError, JsonObject

if TYPE_CHECKING:
    from collections.abc import Callable

LIFE_MS = 7 * DAY


Place = tuple[int, ...]
"""The position of a walk: the sort key of the last object, or the number of a mark that the search keeps."""


class PageTokens:
    """Seals and opens the tokens of one site."""

    def __init__(self, clock: Callable[[], int]) -> None:
        """Use `clock` (epoch ms) to date and to expire tokens."""
        self._clock = clock
        self._secret = secrets.token_bytes(32)

    def forget(self) -> None:
        """Invalidate all tokens, as a restart does."""
        self._secret = secrets.token_bytes(32)

    def seal(self, place: Place, binding: JsonObject) -> str:
        """Return the token of the next page."""
        body = orjson.dumps([self._clock(), place, _digest(binding)])
        return base64.urlsafe_b64encode(self._mac(body) + body).decode().rstrip("=")

    def open(self, token: str, binding: JsonObject) -> Place:
        """Return the position. Raises the same JiraError 400 for malformed, foreign and expired tokens."""
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise _invalid_token() from None
        mac, body = raw[:16], raw[16:]
        if not hmac.compare_digest(mac, self._mac(body)):
            raise _invalid_token()
        created_ms, place, digest = orjson.loads(body)
        if digest != _digest(binding) or self._clock() - created_ms > LIFE_MS:
            raise _invalid_token()
        return tuple(place)

    def _mac(self, body: bytes) -> bytes:
        return hmac.new(self._secret, body, hashlib.sha256).digest()[:16]


def _digest(binding: JsonObject) -> str:
    return hashlib.sha256(orjson.dumps(binding, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def _invalid_token() -> JiraError:
    return JiraError(400, "The provided nextPageToken is invalid or has expired.")
