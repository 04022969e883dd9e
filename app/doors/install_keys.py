"""Atlassian's install keys: the RSA public keys for `installed` and `uninstalled`, fetched by `kid`.

The settings pin the host; a request never chooses it. A key is cached for good, since a rotation brings a new kid, and
shared between processes once it has verified a signature. An unknown kid is remembered for a minute, and look-ups are
rate limited, since anybody can trigger them.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

import requests
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from urllib3.exceptions import HTTPError

from app import clock, logs
from app.conditions import Code
from app.errors import Unavailable, Unproven
from app.jira.wire import OneHop, end_by

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

log = logs.get(__name__)

_KID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TIMEOUT = (3.0, 3.0)
_LOOK_UP_SECONDS = 8.0
"""Limit of a whole look-up: a host that drips its headers never meets a time-out between two bytes."""
_BODY_SECONDS = 5
_LOOK_UP_THREADS = 4
_MAX_BYTES = 16_384
_MIN_BITS = 2048
_UNKNOWN_SECONDS = 60
_LOOK_UPS_A_MINUTE = 30
_MAX_KEYS = 256


class KeyCache(Protocol):
    """Shares keys between processes (`tenants.install_key_cache`)."""

    def find(self, kid: str) -> str | None:
        """The PEM of a kid."""

    def keep(self, kid: str, pem: str) -> None:
        """Store a key."""


class InstallKeys:
    """Fetches and caches install keys. Thread-safe."""

    def __init__(
        self,
        hosts: Sequence[str],
        *,
        key_cache: KeyCache | None = None,
        get: Callable[..., requests.Response] | None = None,
    ) -> None:
        self._hosts = tuple(hosts)
        self._key_cache = key_cache
        self._get = get or OneHop().get
        self._keys: OrderedDict[str, RSAPublicKey] = OrderedDict()
        self._unconfirmed: dict[str, RSAPublicKey] = {}
        """Fetched keys that have verified no signature yet."""
        self._unknown_kids: OrderedDict[str, int] = OrderedDict()
        self._look_ups: list[int] = []
        self._lock = threading.Lock()
        self._executor = ThreadPoolExecutor(_LOOK_UP_THREADS, thread_name_prefix="install-key")

    def key(self, key_id: str | None) -> RSAPublicKey:
        """The key of a kid. Raises Unproven for a malformed or unknown kid, Unavailable when the hosts fail."""
        if key_id is None or not _KID.fullmatch(key_id):
            raise Unproven("kid is not a UUID")
        with self._lock:
            if key_id in self._keys:
                return self._keys[key_id]
            if self._unknown_kids.get(key_id, 0) > clock.epoch() - _UNKNOWN_SECONDS:
                raise Unproven("kid was unknown a moment ago")
        pem = self._key_cache.find(key_id) if self._key_cache else None
        key = _parse(pem.encode()) if pem else self._look_up(key_id)
        with self._lock:
            self._keys[key_id] = key
            if pem is None:
                self._unconfirmed[key_id] = key
            while len(self._keys) > _MAX_KEYS:
                oldest_id, _ = self._keys.popitem(last=False)
                self._unconfirmed.pop(oldest_id, None)
        return key

    def confirm(self, key_id: str | None) -> None:
        """Store a key for all processes, after it has verified a signature. Raises Unavailable."""
        key = self._unconfirmed.get(key_id or "")
        if key_id is None or key is None:
            return
        if self._key_cache:
            pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            self._key_cache.keep(key_id, pem.decode("ascii"))
        with self._lock:
            self._unconfirmed.pop(key_id, None)

    def _look_up(self, key_id: str) -> RSAPublicKey:
        """Query the hosts in order and return the first key."""
        with self._lock:
            self._admit()
        future = self._executor.submit(self._ask, key_id)
        try:
            return future.result(_LOOK_UP_SECONDS)
        except TimeoutError as error:
            future.cancel()
            raise Unavailable(Code.KEY_HOST_AWAY) from error

    def _ask(self, key_id: str) -> RSAPublicKey:
        trouble: Unavailable | None = None
        for host in self._hosts:
            try:
                body = self._fetch(host, key_id)
            except Unavailable as error:
                trouble = error
                continue
            if body is not None:
                return _parse(body)
        if trouble is not None:
            raise trouble
        self._remember_unknown(key_id)
        raise Unproven("kid is unknown to the install-key hosts")

    def _admit(self) -> None:
        """Limit the look-ups a minute; Atlassian's rotations need far fewer. Raises Unproven."""
        now = clock.epoch()
        self._look_ups = [at for at in self._look_ups if at > now - 60]
        if len(self._look_ups) >= _LOOK_UPS_A_MINUTE:
            raise Unproven("too many key look-ups")
        self._look_ups.append(now)

    def _fetch(self, host: str, key_id: str) -> bytes | None:
        """The body of one host's answer; None for an unknown kid. Raises Unavailable."""
        try:
            with self._get(f"{host}/{key_id}", timeout=_TIMEOUT, allow_redirects=False, stream=True) as answer:
                status = answer.status_code
                body = _capped(answer) if status == requests.codes.ok else b""
        except (requests.RequestException, HTTPError) as error:
            raise Unavailable(Code.KEY_HOST_AWAY) from error
        if status in {requests.codes.not_found, requests.codes.forbidden, requests.codes.gone}:
            return None
        if status != requests.codes.ok:
            raise Unavailable(Code.KEY_HOST_ANSWERED, status=status)
        return body

    def _remember_unknown(self, key_id: str) -> None:
        with self._lock:
            self._unknown_kids[key_id] = clock.epoch()
            while len(self._unknown_kids) > _MAX_KEYS:
                self._unknown_kids.popitem(last=False)


def _capped(answer: requests.Response) -> bytes:
    """The body, read in pieces. Raises Unavailable when it is larger than any key or does not end in time."""
    body = b""
    deadline = clock.epoch() + _BODY_SECONDS
    end_by(answer, _BODY_SECONDS)
    # read1() does not wait for a full buffer: a host that drips a byte a second must meet the deadline.
    while piece := answer.raw.read1(4096, decode_content=True):
        body += piece
        if len(body) > _MAX_BYTES or clock.epoch() > deadline:
            raise Unavailable(Code.KEY_HOST_NONSENSE)
    return body


def _parse(body: bytes) -> RSAPublicKey:
    """An RSA key of at least 2048 bits; line ends and blanks around the PEM are ignored."""
    try:
        key = load_pem_public_key(body.strip())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Unavailable(Code.KEY_HOST_NONSENSE) from error
    if not isinstance(key, RSAPublicKey) or key.key_size < _MIN_BITS:
        raise Unproven("install key is not RSA of 2048 bits or more")
    return key
