"""Forms of account ids and e-mail addresses, and the faults of a file."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from app.conditions import Code, Condition
from app.errors import Malformed

PERSON_ID = r"[A-Za-z0-9][A-Za-z0-9:_-]{0,127}"
"""Atlassian account ids: `54c965db8acd172e3af3fe36`, `557058:…`, `712020:…`. None can begin a formula."""
EMAIL = (
    r"[A-Za-z0-9_][A-Za-z0-9_.!#$%&'*+/=?^`{|}~-]{0,63}"
    r"@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
"""The dot-atoms of RFC 5322, ASCII. The first sign is a letter, digit or `_`: a spreadsheet takes none for a formula."""
LONGEST_EMAIL = 254
MOST_LINES = 10_000
MOST_BYTES = 2_000_000


class Source(StrEnum):
    """The door that an address came through."""

    API = "api"
    CONSOLE = "console"


class BadLine(NamedTuple):
    """A line of a file that can't be taken; `number` counts the file's lines from 1, the header included."""

    number: int
    reason: Condition


class UnfitFile(Malformed):
    """A file with bad lines was to be applied; nothing was."""

    def __init__(self, bad_lines: list[BadLine]) -> None:
        super().__init__(Code.BAD_LINES, count=len(bad_lines))
        self.bad_lines = bad_lines
