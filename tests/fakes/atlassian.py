"""Atlassian's side of Connect: token signatures, and the host of the install keys.

Nothing here uses the app's code, because shared code would share its mistakes.
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
"""Seconds between `iat` and `exp` in Atlassian's sample tokens."""
Share = dict[str, Any] | list[Any] | str | bytes
"""A token's header or payload: an object, its literal JSON text, or the raw bytes of the segment."""


class Atlassian:
    """Signs as Atlassian does: installs with its own private key, everything else with the site's shared secret."""

    def __init__(self) -> None:
        self.private_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.kid = str(uuid.uuid4())
        self.pem = pem_of(self.private_key.public_key())

    def lifecycle_token(
        self, path: str, client_key: str, base_url: str, method: str = "POST", **claims_override: object
    ) -> str:
        """Sign a hook with RS256; `path` is relative to the base URL. None removes a claim."""
        claims = _claims(client_key, computed_hash(method, path), {"aud": [base_url], **claims_override})
        return raw_token({"alg": "RS256", "typ": "JWT", "kid": self.kid}, claims, self.private_key)

    @staticmethod
    def shared_secret_token(method: str, target: str, client_key: str, secret: str, **override: object) -> str:
        """Sign webhooks, enabled, disabled or pages with HS256; `target` is relative to the base URL."""
        claims = _claims(client_key, computed_hash(method, target), override)
        return raw_token({"alg": "HS256", "typ": "JWT"}, claims, secret)

    @staticmethod
    def context_token(client_key: str, secret: str, account_id: str | None, **override: object) -> str:
        """Return the token of `AP.context.getToken`: HS256, the fixed `context-qsh`, the person as `sub`."""
        claims = _claims(client_key, "context-qsh", {"sub": account_id, "exp": int(time.time()) + 900, **override})
        return raw_token({"alg": "HS256", "typ": "JWT"}, claims, secret)

    def key_host(self) -> KeyHost:
        """Return a host of the install keys with this key."""
        return KeyHost({self.kid: self.pem})


def _claims(client_key: str, query_hash: str, override: dict[str, Any]) -> dict[str, Any]:
    now = int(time.time())
    claims = {"iss": client_key, "iat": now, "exp": now + LIFE, "qsh": query_hash, **override}
    return {name: value for name, value in claims.items() if value is not None}


def computed_hash(method: str, target: str) -> str:
    """Return the `qsh` of a simple address, without repeated names or unusual paths."""
    path, _, query = target.partition("?")
    pairs = []
    for piece in query.split("&"):
        name, _, value = piece.partition("=")
        if piece and unquote_plus(name) != "jwt":
            pairs.append((quote(unquote_plus(name), safe="~"), quote(unquote_plus(value), safe="~")))
    canonical = "&".join([method.upper(), path.rstrip("/") or "/", "&".join("=".join(pair) for pair in sorted(pairs))])
    return hashlib.sha256(canonical.encode()).hexdigest()


def raw_token(header: Share, payload: Share, key: rsa.RSAPrivateKey | str | bytes | None) -> str:
    """Return a valid or malformed token: RS256 with a private key, HS256 with a secret, unsigned with None."""
    message = b".".join((_segment(header), _segment(payload)))
    if key is None:
        signature = b""
    elif isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(message, padding.PKCS1v15(), SHA256())
    else:
        secret = key.encode() if isinstance(key, str) else key
        signature = hmac.new(secret, message, hashlib.sha256).digest()
    return (message + b"." + _encode(signature)).decode("latin-1")


def _segment(part: Share) -> bytes:
    if isinstance(part, bytes):
        return part
    return _encode((part if isinstance(part, str) else json.dumps(part)).encode())


def _encode(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def pem_of(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> bytes:
    """Return a public key in the host's format."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def weak_pem() -> bytes:
    """Return an RSA key of insufficient length."""
    return pem_of(rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key())  # noqa: S505 - to be refused


def elliptic_pem() -> bytes:
    """Return an elliptic-curve key instead of an RSA key."""
    return pem_of(ec.generate_private_key(ec.SECP256R1()).public_key())


def an_answer(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> requests.Response:
    """Return a real `requests` answer without a wire."""
    return _answer(status, _Whole(body), headers)


def _answer(status: int, raw: io.RawIOBase | io.BytesIO, headers: dict[str, str] | None) -> requests.Response:
    answer = requests.Response()
    answer.status_code = status
    answer.headers.update(headers or {})
    answer.raw = raw
    return answer


class _Whole(io.BytesIO):
    """A body in urllib3's form."""

    def read1(self, size: int = -1, **_options: object) -> bytes:  # type: ignore[override]  # urllib3's signature
        return super().read(size)


class Drip(io.RawIOBase):
    """An endless body of single bytes, with a wait before each."""

    def __init__(self, wait: Callable[[], object]) -> None:
        self._wait = wait

    def read1(self, _size: int = -1, **_options: object) -> bytes:
        self._wait()
        return b"-"


class MemoryCache:
    """A key cache with a record of its keys."""

    def __init__(self) -> None:
        self.pems: dict[str, str] = {}

    def find(self, kid: str) -> str | None:
        return self.pems.get(kid)

    def keep(self, kid: str, pem: str) -> None:
        self.pems[kid] = pem


@dataclass
class KeyHost:
    """The host of the install keys, in place of `requests.get`. Records the requested URLs.

    Serves `keys`, answers 404 for others, or gives one scripted answer to everything.
    """

    keys: dict[str, bytes] = field(default_factory=dict)
    urls: list[str] = field(default_factory=list)
    options: list[dict[str, object]] = field(default_factory=list)
    _says: Callable[[], requests.Response] | None = None

    def says(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        """Give this answer to every request from now on: an error, HTML, another kind of key, a redirect, too much."""
        self._says = lambda: an_answer(status, body, headers)

    def drips(self, wait: Callable[[], object]) -> None:
        """Give an endless answer from now on."""
        self._says = lambda: _answer(200, Drip(wait), None)

    def fails(self, error: requests.RequestException) -> None:
        """Raise `error` from now on."""

        def refuse() -> requests.Response:
            raise error

        self._says = refuse

    def recovers(self) -> None:
        """Serve the keys again."""
        self._says = None

    def __call__(self, url: str, **options: object) -> requests.Response:
        self.urls.append(url)
        self.options.append(options)
        if self._says is not None:
            return self._says()
        pem = self.keys.get(url.rsplit("/", 1)[1])
        return an_answer(404, b"not found") if pem is None else an_answer(200, pem)
