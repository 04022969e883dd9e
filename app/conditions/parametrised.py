"""Enumerations whose members name parameters."""

from __future__ import annotations

import enum
from typing import Self


class StrEnum(enum.StrEnum):
    """Texts; the names of a member's parameters follow its text."""

    params: frozenset[str]

    def __new__(cls, value: str, *params: str) -> Self:
        """A member with the names of its parameters."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.params = frozenset(params)
        return member
