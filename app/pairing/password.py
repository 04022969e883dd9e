"""The one-time password itself: what it looks like, and the keyed hash that is all we keep."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.vault import Vault

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O or U, so that nothing is misread and little is spelled."""
_GROUPS, _GROUP = 4, 4
LENGTH = _GROUPS * _GROUP
"""Sixteen signs of five bits: 80 bits."""
_SEPARATORS = " \t\r\n-_.·‐‑‒–—−\u00a0\u200b\ufeff"
_FORGIVEN = str.maketrans({"O": "0", "I": "1", "L": "1"} | dict.fromkeys(_SEPARATORS, ""))
LONGEST_TYPED = 100
"""More signs than anybody's separators need."""


def make() -> str:
    """A new password, grouped for reading aloud: `7K3M-9QXA-…`."""
    signs = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return "-".join(signs[at : at + _GROUP] for at in range(0, LENGTH, _GROUP))


def normal(typed: str) -> str | None:
    """What was typed, without case, separators and the usual misreadings; None where it cannot be a password."""
    if len(typed) > LONGEST_TYPED:
        return None
    signs = typed.upper().translate(_FORGIVEN)
    return signs if len(signs) == LENGTH and all(sign in ALPHABET for sign in signs) else None


def digests(vault: Vault, password: str) -> tuple[str, ...]:
    """Keyed hashes to look it up by, the newest key's first. The password must be in its normal form."""
    return vault.fingerprints(password, purpose="otp")
