"""Atlassian as our doors see it: who signs tokens, and the host that hands out the keys to check them with.

Nothing here uses the app's code: a mistake made twice would agree with itself.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_plus

import requests
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

if TYPE_CHECKING:
    from collections.abc import Callable

LIFE = 180
"""Seconds between `iat` and `exp` of the tokens that Atlassian's samples show."""
Share = dict[str, Any] | list[Any] | str | bytes
"""A token's header or payload: an object, its JSON text as it shall stand, or the bytes of the segment itself."""


class Atlassian:
    """Signs as Atlassian does: installs with a private key of its own, everything else with the site's shared secret."""

    def __init__(self) -> None:
        self.private_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.kid = str(uuid.uuid4())
        self.pem = pem_of(self.private_key.public_key())

    def lifecycle_token(
        self, path: str, client_key: str, base_url: str, method: str = "POST", **claims_override: object
    ) -> str:
        """RS256 for a hook; `path` is relative to the base URL. A claim overridden with None is left out."""
        claims = _claims(client_key, computed_hash(method, path), {"aud": [base_url], **claims_override})
        return raw_token({"alg": "RS256", "typ": "JWT", "kid": self.kid}, claims, self.private_key)

    @staticmethod
    def shared_secret_token(method: str, target: str, client_key: str, secret: str, **override: object) -> str:
        """HS256 for one address (webhooks, enabled, disabled, pages); `target` is relative to the base URL."""
        claims = _claims(client_key, computed_hash(method, target), override)
        return raw_token({"alg": "HS256", "typ": "JWT"}, claims, secret)

    @staticmethod
    def context_token(client_key: str, secret: str, account_id: str | None, **override: object) -> str:
        """What `AP.context.getToken` gives a page: HS256, the fixed `context-qsh`, the person as `sub`."""
        claims = _claims(client_key, "context-qsh", {"sub": account_id, "exp": int(time.time()) + 900, **override})
        return raw_token({"alg": "HS256", "typ": "JWT"}, claims, secret)

    def key_host(self) -> KeyHost:
        """The host of the install keys, which knows this key."""
        return KeyHost({self.kid: self.pem})


def _claims(client_key: str, query_hash: str, override: dict[str, Any]) -> dict[str, Any]:
    now = int(time.time())
    given = {"iss": client_key, "iat": now, "exp": now + LIFE, "qsh": query_hash, **override}
    return {name: value for name, value in given.items() if value is not None}


def computed_hash(method: str, target: str) -> str:
    """The `qsh` of a plain address: no repeated names, no odd path."""
    path, _, query = target.partition("?")
    pairs = []
    for piece in query.split("&"):
        name, _, value = piece.partition("=")
        if piece and unquote_plus(name) != "jwt":
            pairs.append((quote(unquote_plus(name), safe="~"), quote(unquote_plus(value), safe="~")))
    canonical = "&".join([method.upper(), path.rstrip("/") or "/", "&".join("=".join(pair) for pair in sorted(pairs))])
    return hashlib.sha256(canonical.encode()).hexdigest()


def raw_token(header: Share, payload: Share, key: rsa.RSAPrivateKey | str | bytes | None) -> str:
    """Any token, well or badly made: RS256 under a private key, HS256 under a secret, no signature under None."""
    signed = b".".join((_segment(header), _segment(payload)))
    if key is None:
        signature = b""
    elif isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(signed, padding.PKCS1v15(), SHA256())
    else:
        secret = key.encode() if isinstance(key, str) else key
        signature = hmac.new(secret, signed, hashlib.sha256).digest()
    return (signed + b"." + _encoded(signature)).decode("latin-1")


def _segment(part: Share) -> bytes:
    if isinstance(part, bytes):
        return part
    return _encoded((part if isinstance(part, str) else json.dumps(part)).encode())


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def pem_of(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> bytes:
    """A public key as the host sends it."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def weak_pem() -> bytes:
    """An RSA key too short to trust."""
    return pem_of(rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key())  # noqa: S505 - to be refused


def elliptic_pem() -> bytes:
    """A key that is no RSA key."""
    return pem_of(ec.generate_private_key(ec.SECP256R1()).public_key())


def an_answer(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> requests.Response:
    """A real `requests` answer without a wire."""
    return _answer(status, _Whole(body), headers)


def _answer(status: int, raw: io.RawIOBase | io.BytesIO, headers: dict[str, str] | None) -> requests.Response:
    answer = requests.Response()
    answer.status_code = status
    answer.headers.update(headers or {})
    answer.raw = raw
    return answer


class _Whole(io.BytesIO):
    """A body as urllib3 hands it out."""

    def read1(self, size: int = -1, **_options: object) -> bytes:  # type: ignore[override]  # urllib3's signature
        return super().read(size)


class Drip(io.RawIOBase):
    """A body that never ends and comes a byte at a time, each after a while."""

    def __init__(self, wait: Callable[[], object]) -> None:
        self._wait = wait

    def read1(self, _size: int = -1, **_options: object) -> bytes:
        self._wait()
        return b"-"


@dataclass
class KeyHost:
    """The host of the install keys; stands in for `requests.get` and keeps account of what it is asked.

    It knows the keys it was given, answers 404 for others, or says to everything what it was told to say.
    """

    keys: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    options: list[dict[str, object]] = field(default_factory=list)
    _says: Callable[[], requests.Response] | None = None

    def says(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        """From now on, one answer for everything: an error, HTML, another kind of key, a redirect, too much."""
        self._says = lambda: an_answer(status, body, headers)

    def drips(self, wait: Callable[[], object]) -> None:
        """From now on, an answer that never ends."""
        self._says = lambda: _answer(200, Drip(wait), None)

    def fails(self, error: requests.RequestException) -> None:
        """From now on, no answer."""

        def refuse() -> requests.Response:
            raise error

        self._says = refuse

    def recovers(self) -> None:
        """From now on, the keys again."""
        self._says = None

    def __call__(self, url: str, **options: object) -> requests.Response:
        self.asked.append(url)
        self.options.append(options)
        if self._says is not None:
            return self._says()
        found = self.keys.get(url.rsplit("/", 1)[1])
        return an_answer(404, b"not found") if found is None else an_answer(200, found)
