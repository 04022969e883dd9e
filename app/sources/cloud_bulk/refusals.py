"""Endpoints that a site refuses to a token, remembered by the process: a scope that the token lacks, or an emulator."""

from __future__ import annotations

from collections import OrderedDict
from datetime import timedelta
from typing import TYPE_CHECKING

from app import clock

if TYPE_CHECKING:
    from datetime import datetime

    from app.sources.outcomes import NotForUs, NotOffered

_REST = timedelta(minutes=15)
"""Time before an endpoint is tried again: a token may have been replaced by one with more scopes."""
_LIMIT = 10_000
"""Refusals in memory."""


class Refusals:
    """Refused endpoints by site."""

    def __init__(self) -> None:
        self._findings: OrderedDict[tuple[str, str], tuple[datetime, NotForUs | NotOffered]] = OrderedDict()

    def note(self, site: str, endpoint: str, finding: NotForUs | NotOffered) -> None:
        """Remember a refusal."""
        self._findings[site, endpoint] = clock.now() + _REST, finding
        if len(self._findings) > _LIMIT:
            self._findings.popitem(last=False)

    def of(self, site: str, endpoint: str) -> NotForUs | NotOffered | None:
        """The refusal of an endpoint, until it is time to try again."""
        until, finding = self._findings.get((site, endpoint), (None, None))
        return finding if until is not None and clock.now() < until else None
