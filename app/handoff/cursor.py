"""The feed's cursor: how far a reader has come, with which entities, and in which epoch.

Opaque to readers, safe in headers and addresses, and at most 64 characters long where all entities are read. A checksum
refuses a cursor that was cut off on its way.
"""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import blake2s
from typing import TYPE_CHECKING
from uuid import UUID

from app.conditions import Code
from app.errors import Malformed, StartAnew

if TYPE_CHECKING:
    from collections.abc import Collection

PATTERN = r"^([0-9]{0,19}|c[A-Za-z0-9_-]{60,800})$"
"""The form of every cursor that was ever handed out. It goes into a header where there is nothing to look it up in."""
START = "0"
"""The cursor of a reader without a place: the beginning."""
_MARK = "c"
_HEAD = struct.Struct(">16sqq8s?")
"""Epoch, hand-out, version, pass, whether the pass is complete. The names of the entities follow."""
_CHECKSUM_BYTES = 4


@dataclass(frozen=True)
class Cursor:
    """A reader's place."""

    epoch_id: UUID
    handout: int
    """Number of the hand-out within the epoch."""
    version: int
    """The reader has every row up to this version, as it was at the hand-out."""
    pass_id: str
    """16 hexadecimal digits, drawn when the reader began without a cursor."""
    is_pass_complete: bool
    """Whether the reader has reached the end of the feed at least once since then."""
    entities: tuple[str, ...]
    """The entities that were read; empty: all."""

    def __str__(self) -> str:
        """The text for readers."""
        numbers = (self.handout, self.version, bytes.fromhex(self.pass_id), self.is_pass_complete)
        body = _HEAD.pack(self.epoch_id.bytes, *numbers) + ",".join(self.entities).encode()
        return _MARK + urlsafe_b64encode(body + _checksum(body)).decode().rstrip("=")

    def covers(self, names: Collection[str]) -> bool:
        """Whether the reader has read these entities (none: all of them) up to the version."""
        return not self.entities or (bool(names) and set(names) <= set(self.entities))


def parse(text: str | None) -> Cursor | None:
    """The cursor in a reader's text; None for the beginning.

    Raises Malformed, and StartAnew for a cursor of the versions whose cursors were plain numbers.
    """
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) <= len(str(2**63)):
        if int(text) == 0:
            return None
        raise StartAnew(Code.CURSOR_OUTDATED)
    if not text.startswith(_MARK):
        raise Malformed(Code.BAD_CURSOR)
    try:
        return _unpack(urlsafe_b64decode(text[1:].encode("ascii") + b"=="))
    except (ValueError, struct.error):
        raise Malformed(Code.BAD_CURSOR) from None


def _unpack(octets: bytes) -> Cursor:
    """Raises ValueError or struct.error."""
    body, checksum = octets[:-_CHECKSUM_BYTES], octets[-_CHECKSUM_BYTES:]
    if _checksum(body) != checksum:
        raise ValueError("cut off or changed")
    epoch, handout, version, pass_octets, is_complete = _HEAD.unpack(body[: _HEAD.size])
    if min(handout, version) < 0:
        raise ValueError("below zero")
    names = body[_HEAD.size :].decode("ascii")
    entities = tuple(names.split(",")) if names else ()
    return Cursor(UUID(bytes=epoch), handout, version, pass_octets.hex(), is_complete, entities)


def _checksum(body: bytes) -> bytes:
    return blake2s(body, digest_size=_CHECKSUM_BYTES).digest()
