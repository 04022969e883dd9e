"""JSON rendered in advance, with slots for the differences between copies of an issue: the copy's number and dates.

Slots have a fixed width; all copies of an issue have equal length.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from operator import itemgetter
from typing import Any

import orjson

COPY = "¤0¤"
"""Slot of the copy's four digits."""
DAYS = 64
"""Longest life of a copy's issues."""
SPAN_DAYS = 8
"""Distance between copies."""
DAY_MS = 86_400_000
_SLOT = re.compile("¤([0-9]+)¤".encode())
_NUMBER = re.compile(rb'"#int#([^"]*)"')


class SlottedJson:
    """JSON as bytes with slots."""

    __slots__ = ("_pick", "_pieces")

    def __init__(self, body: Any) -> None:  # noqa: ANN401 - JSON
        pieces = _SLOT.split(_NUMBER.sub(rb"\1", orjson.dumps(body)))
        kinds = [int(kind) for kind in pieces[1::2]]
        self._pieces = pieces
        self._pick: Any = itemgetter(*kinds) if len(kinds) > 1 else lambda values: [values[kind] for kind in kinds]

    def fill(self, values: tuple[bytes, ...]) -> list[bytes]:
        """Return the pieces of one copy; the caller joins them."""
        parts = self._pieces.copy()
        parts[1::2] = self._pick(values)
        return parts


def integer(text: str) -> str:
    """Return the marker of a number with slots, rendered without quotation marks."""
    return f"#int#{text}"


def moment(ms: int) -> str:
    """Return a REST time `ms` after the copy's first midnight; its date is a slot."""
    day, ms_of_day = divmod(ms, DAY_MS)
    seconds, thousandths = divmod(ms_of_day, 1000)
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"¤{1 + day}¤T{clock}.{thousandths:03d}+0000"


@cache
def values_of(copy: int, first_day_ms: int) -> tuple[bytes, ...]:
    """Return the values of one copy's slots; copy 0 begins at `first_day_ms`."""
    start = datetime.fromtimestamp(first_day_ms // 1000, UTC) + timedelta(days=copy * SPAN_DAYS)
    dates = (f"{start + timedelta(days=day):%Y-%m-%d}".encode() for day in range(DAYS))
    return (f"{copy:04d}".encode(), *dates)
