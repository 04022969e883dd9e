"""Every error that a person can meet, with what to do about it: the one catalogue.

The layers below raise or store plain English, each sentence where it is known. Here stands what people read of it, in
their language, and the remedy. A test walks the source and fails on a sentence that has no entry.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from app.web.words.entry import Entry
from app.web.words.findings import FINDINGS
from app.web.words.language import N_, gettext
from app.web.words.refusals import REFUSALS

CATALOGUE = (*REFUSALS, *FINDINGS)


class Told(NamedTuple):
    """An error in the reader's language; `code` is for scripts and never shown."""

    code: str
    says: str
    do: str


OTHER = Entry("other", "", N_("That did not work."), N_("Reload the page and try again."))
"""Where nothing better is known."""
_HOLE = re.compile(r"\\\{([a-z]+)\\\}")


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], Entry], ...]:
    with_holes = (each for each in CATALOGUE if re.search(r"\{[a-z]+\}", each.raised))
    return tuple(
        (re.compile(_HOLE.sub(r"(?P<\1>.+?)", re.escape(each.raised)), re.DOTALL), each) for each in with_holes
    )


@cache
def _exact() -> dict[str, Entry]:
    return {each.raised: each for each in CATALOGUE}


def find(raised: str) -> tuple[Entry, dict[str, str]] | None:
    """The entry of what was raised or stored, with the values in it; None where it has none."""
    if raised in _exact():
        return _exact()[raised], {}
    for pattern, entry in _patterns():
        match = pattern.fullmatch(raised)
        if match:
            return entry, match.groupdict()
    return None


def told(raised: str) -> Told:
    """What people read of an error, in their language."""
    entry, values = find(raised) or (OTHER, {})
    # The empty message is gettext's own, so it is not looked up.
    return Told(entry.code, gettext(entry.says, **values), gettext(entry.do, **values) if entry.do else "")
