"""JSON rendered beforehand, with slots for what differs between copies of one issue: the copy's number and dates.

All slots have a fixed width, so that every copy of an issue is as long as the first one.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from operator import itemgetter
from typing import Any

import orjson

COPY = "¤0¤"
"""Where the copy's four digits go."""
DAYS = 64
"""Days that one copy's life may take."""
SPAN_DAYS = 8
"""Days from one copy to the next."""
DAY_MS = 86_400_000
_SLOT = re.compile("¤([0-9]+)¤".encode())
_NUMBER = re.compile(rb'"#int#([^"]*)"')


class Slotted:
    """Bytes with slots."""

    __slots__ = ("_pick", "_pieces")

    def __init__(self, body: Any) -> None:  # noqa: ANN401 - JSON
        pieces = _SLOT.split(_NUMBER.sub(rb"\1", orjson.dumps(body)))
        kinds = [int(kind) for kind in pieces[1::2]]
        self._pieces = pieces
        self._pick: Any = itemgetter(*kinds) if len(kinds) > 1 else lambda values: [values[kind] for kind in kinds]

    def fill(self, values: tuple[bytes, ...]) -> list[bytes]:
        """The pieces of one copy, to be joined by the caller with those of others."""
        parts = self._pieces.copy()
        parts[1::2] = self._pick(values)
        return parts


def integer(text: str) -> str:
    """A number that holds slots: written without quotation marks."""
    return f"#int#{text}"


def moment(ms: int) -> str:
    """A REST time, so many ms after the copy's first midnight; its date is a slot."""
    day, rest = divmod(ms, DAY_MS)
    seconds, thousandths = divmod(rest, 1000)
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"¤{1 + day}¤T{clock}.{thousandths:03d}+0000"


@cache
def values_of(copy: int, first_day_ms: int) -> tuple[bytes, ...]:
    """What fills the slots of one copy of a site that begins on that day."""
    start = datetime.fromtimestamp(first_day_ms // 1000, UTC) + timedelta(days=copy * SPAN_DAYS)
    dates = (f"{start + timedelta(days=day):%Y-%m-%d}".encode() for day in range(DAYS))
    return (f"{copy:04d}".encode(), *dates)
