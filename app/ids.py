"""Identifiers: UUID version 7, for locality in indexes, and opaque substitutes for foreign ids."""

from __future__ import annotations

import hashlib
import secrets
from uuid import UUID

from app import clock


def new() -> UUID:
    """A UUIDv7 (RFC 9562 §5.7): 48 bits of milliseconds, 74 random bits."""
    stamp = int(clock.now().timestamp() * 1000)
    value = (stamp & (2**48 - 1)) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


def parse(text: str) -> UUID | None:
    """The UUID in a caller's text; None where it does not parse."""
    try:
        return UUID(text)
    except ValueError:
        return None


def opaque(*parts: object) -> str:
    """A stable substitute for accounts and addresses in Redis keys."""
    text = "/".join(map(str, parts))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
