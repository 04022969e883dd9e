"""Atlassian's install keys: the RSA public keys that sign `installed` and `uninstalled`, fetched by `kid`.

The host is pinned by the settings, never taken from the request. A key is cached for good (a rotation brings a new
kid); an unknown kid is remembered for a minute, and look-ups are limited, since anybody can make us ask.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

import requests
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from app import clock, logs
from app.errors import Unavailable, Unproven

if TYPE_CHECKING:
    from collections.abc import Callable

log = logs.get(__name__)

_KID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TIMEOUT = (3.0, 3.0)
_MAX_BYTES = 16_384
_FEWEST_BITS = 2048
_UNKNOWN_FOR = 60
_LOOK_UPS_A_MINUTE = 30
_MOST_KEYS = 256


class InstallKeys:
    """Fetches and keeps install keys. Safe for threads."""

    def __init__(self, base_url: str, *, get: Callable[..., requests.Response] | None = None) -> None:
        self._base_url = base_url
        self._get = get or requests.Session().get
        self._keys: OrderedDict[str, RSAPublicKey] = OrderedDict()
        self._unknown: OrderedDict[str, int] = OrderedDict()
        self._look_ups: list[int] = []
        self._lock = threading.Lock()

    def key(self, key_id: str | None) -> RSAPublicKey:
        """The key of a kid. Raises Unproven for a malformed or unknown kid, Unavailable when the host is in trouble."""
        if key_id is None or not _KID.fullmatch(key_id):
            raise Unproven("kid is not a UUID")
        with self._lock:
            if key_id in self._keys:
                return self._keys[key_id]
            self._admit(key_id)
        key = self._fetch(key_id)
        with self._lock:
            self._keys[key_id] = key
            while len(self._keys) > _MOST_KEYS:
                self._keys.popitem(last=False)
        return key

    def _admit(self, key_id: str) -> None:
        """Refuse a kid that was unknown a moment ago, and more look-ups a minute than Atlassian's rotations need."""
        now = clock.epoch()
        if self._unknown.get(key_id, 0) > now - _UNKNOWN_FOR:
            raise Unproven("kid was unknown a moment ago")
        self._look_ups = [at for at in self._look_ups if at > now - 60]
        if len(self._look_ups) >= _LOOK_UPS_A_MINUTE:
            raise Unproven("too many key look-ups")
        self._look_ups.append(now)

    def _fetch(self, key_id: str) -> RSAPublicKey:
        try:
            with self._get(
                f"{self._base_url}/{key_id}", timeout=_TIMEOUT, allow_redirects=False, stream=True
            ) as answer:
                status = answer.status_code
                body = _capped(answer) if status == requests.codes.ok else b""
        except requests.RequestException as error:
            raise Unavailable("The install-key host does not answer.") from error
        if status in {requests.codes.not_found, requests.codes.forbidden, requests.codes.gone}:
            self._remember_unknown(key_id)
            raise Unproven("kid is unknown to the install-key host")
        if status != requests.codes.ok:
            raise Unavailable(f"The install-key host answered {status}.")
        return _parse(body)

    def _remember_unknown(self, key_id: str) -> None:
        with self._lock:
            self._unknown[key_id] = clock.epoch()
            while len(self._unknown) > _MOST_KEYS:
                self._unknown.popitem(last=False)


def _capped(answer: requests.Response) -> bytes:
    """The body, or Unavailable when it is larger than any key: read in pieces against a host that never ends."""
    body = b""
    deadline = clock.epoch() + 5
    for piece in answer.iter_content(4096):
        body += piece
        if len(body) > _MAX_BYTES or clock.epoch() > deadline:
            raise Unavailable("The install-key host sent something that is no key.")
    return body


def _parse(body: bytes) -> RSAPublicKey:
    """An RSA key of at least 2048 bits; line ends and blanks around the PEM do not matter."""
    try:
        key = load_pem_public_key(body.strip())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Unavailable("The install-key host sent something that is no key.") from error
    if not isinstance(key, RSAPublicKey) or key.key_size < _FEWEST_BITS:
        raise Unproven("install key is not RSA of 2048 bits or more")
    return key
