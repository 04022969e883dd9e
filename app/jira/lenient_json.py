"""The slower parser, for lone surrogates, control characters, numbers beyond any float, and deep nesting.

The fast one refuses them. Each occurs in one value of one object, and must not cost the page.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.catalog.json_value import Json

_LEVELS = 300
"""Python's parser recurses, and gives up below a thousand levels."""
_SIGNS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{\]}]', re.DOTALL)
"""Texts, which may hold brackets, and brackets. A text without an end reaches to the last octet: the time stays linear."""


def loads(octets: bytes) -> Json:
    """Parse JSON; values nested deeper than 300 levels become null. Raises ValueError."""
    try:
        return _loads(octets)
    except RecursionError:
        return _loads(_shallow(octets))


def _loads(octets: bytes) -> Json:
    return json.loads(octets.decode("utf-8", "replace"), parse_int=_whole_number, strict=False)  # type: ignore[no-any-return]  # JSON by construction


def _whole_number(digits: str) -> float:
    """A whole number; infinity for one of more digits than Python converts."""
    try:
        return int(digits)
    except ValueError:
        return float(digits)


def _shallow(octets: bytes) -> bytes:
    """The JSON with null in place of everything below the deepest level. Raises ValueError for unbalanced brackets."""
    pieces, level, start = [], 0, 0
    for sign in _SIGNS.finditer(octets):
        if sign[0] in {b"[", b"{"}:
            level += 1
            if level == _LEVELS + 1:
                pieces += [octets[start : sign.start()], b"null"]
        elif sign[0] in {b"]", b"}"}:
            if level == _LEVELS + 1:
                start = sign.end()
            level -= 1
    if level:
        raise ValueError("unbalanced brackets")
    return b"".join([*pieces, octets[start:]])
