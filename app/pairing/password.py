"""The one-time password: its format, and its keyed hash, the only form in storage."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.vault import Vault

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O or U, against misreading and accidental words."""
_GROUPS, _GROUP = 4, 4
LENGTH = _GROUPS * _GROUP
"""Sixteen characters of five bits: 80 bits."""
_SEPARATORS = " \t\r\n-_.·‐‑‒–—−\u00a0\u200b\ufeff"
_CORRECTIONS = str.maketrans({"O": "0", "I": "1", "L": "1"} | dict.fromkeys(_SEPARATORS, ""))
_MAX_TEXT = 100
"""Limit of pasted characters, ample for any separators."""


def make() -> str:
    """A new password, grouped for reading aloud: `7K3M-9QXA-…`."""
    characters = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return "-".join(characters[at : at + _GROUP] for at in range(0, LENGTH, _GROUP))


def normal(text: str) -> str | None:
    """A pasted password without case, separators and common misreadings; None where the text cannot be a password."""
    if len(text) > _MAX_TEXT:
        return None
    characters = text.upper().translate(_CORRECTIONS)
    return characters if len(characters) == LENGTH and all(character in ALPHABET for character in characters) else None


def digests(vault: Vault, password: str) -> tuple[str, ...]:
    """Keyed hashes for look-up, the newest key's first. The password must be in its normal form."""
    return vault.fingerprints(password, purpose="otp")
