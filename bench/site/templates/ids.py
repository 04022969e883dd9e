"""Ids of issues and their children: a digit of the kind, the copy's number, and a number within the copy."""

from __future__ import annotations

from bench.site.templates.slots import COPY

ISSUE, CHANGELOG, COMMENT, WORKLOG, ATTACHMENT, LINK, REMOTE = range(1, 8)
"""First digits of ids, by kind."""
_ISSUE_DIGITS, _CHILD_DIGITS = 5, 6


def id_of(kind: int, number: int) -> str:
    """Return an id with its slot, e.g. `1¤0¤00042`."""
    return f"{kind}{COPY}{number:0{_digits(kind)}d}"


def number_of(kind: int, number: int) -> int:
    """Return the same id in copy 0 as a number; `step_of` leads to the other copies."""
    return int(f"{kind}0000{number:0{_digits(kind)}d}")


def step_of(kind: int) -> int:
    """Return the distance between an id and the same id in the next copy."""
    return int(10 ** _digits(kind))


def link_of(number: int, count: int) -> int | None:
    """Return the id of an issue's link in copy 0, if the issue is the link's first end."""
    return number_of(LINK, number) if number % 10 == 0 and number + 1 < count else None


def _digits(kind: int) -> int:
    return _ISSUE_DIGITS if kind == ISSUE else _CHILD_DIGITS
