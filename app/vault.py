"""Seals secrets at rest (AES-256-GCM) and computes keyed hashes.

The tenant and the purpose are bound as associated data: a sealed value does not open after a move to another row or
column. The first key seals, every key opens; to rotate, add a key in front and run `keys rotate`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.errors import AppError

if TYPE_CHECKING:
    from collections.abc import Sequence

_FORMAT = "v1"
_NONCE_BYTES = 12
_KEY_BYTES = 32


class SealBroken(AppError):
    """No key opens a sealed value: another key set, another tenant or purpose, or damage."""


class Vault:
    """Seals and opens with the configured keys. Holds secrets: never print it."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys:
            raise AppError("The vault has no key; set SECRET_KEYS.")
        self._sealers = {_name(key): AESGCM(_derive(key, b"seal")) for key in keys}
        self._hashers = tuple(_derive(key, b"hash") for key in keys)
        self._newest = _name(keys[0])

    def __repr__(self) -> str:
        return f"Vault({len(self._sealers)} keys)"

    def seal(self, secret: str, *, owner: str, purpose: str) -> str:
        """Sealed text `v1.<key name>.<base64 of nonce and ciphertext>`, bound to owner and purpose."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        body = self._sealers[self._newest].encrypt(nonce, secret.encode(), _bound(owner, purpose))
        return f"{_FORMAT}.{self._newest}.{base64.urlsafe_b64encode(nonce + body).decode()}"

    def open(self, sealed_value: str, *, owner: str, purpose: str) -> str:
        """The secret. Raises SealBroken."""
        version, _, remainder = sealed_value.partition(".")
        name, _, payload = remainder.partition(".")
        sealer = self._sealers.get(name)
        if version != _FORMAT or sealer is None:
            raise SealBroken("No key of SECRET_KEYS sealed this value.")
        try:
            raw = base64.urlsafe_b64decode(payload)
            return sealer.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _bound(owner, purpose)).decode()
        except (InvalidTag, ValueError) as error:
            raise SealBroken("The sealed value was altered or belongs elsewhere.") from error

    def is_stale(self, sealed_value: str) -> bool:
        """Whether an older key sealed the value; `keys rotate` seals it again."""
        return not sealed_value.startswith(f"{_FORMAT}.{self._newest}.")

    def fingerprints(self, value: str, *, purpose: str) -> tuple[str, ...]:
        """Keyed hashes of a value (HMAC-SHA-256, hex), one per key, newest first: for look-up without storing the value."""
        message = f"{purpose}\x00{value}".encode()
        return tuple(hmac.new(key, message, hashlib.sha256).hexdigest() for key in self._hashers)


def _bound(owner: str, purpose: str) -> bytes:
    return f"{owner}\x00{purpose}".encode()


def _derive(key: bytes, use: bytes) -> bytes:
    """A separate key for each use: no two algorithms share one."""
    return HKDF(SHA256(), _KEY_BYTES, salt=None, info=b"sei-connect/" + use).derive(key)


def _name(key: bytes) -> str:
    """A key's short public name, part of its sealed values."""
    return hashlib.sha256(b"sei-connect/name\x00" + key).hexdigest()[:8]
