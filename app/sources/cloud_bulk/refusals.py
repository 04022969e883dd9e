"""Endpoints that a site refuses to a token, remembered by the process: a scope that the token lacks, or an emulator."""

from __future__ import annotations

from collections import OrderedDict
from datetime import timedelta
from typing import TYPE_CHECKING

from app import clock
from app.errors import JiraFailure, JiraGone, JiraRefused, JiraRejected
from app.sources.outcomes import NotForUs, NotOffered

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_REST = timedelta(minutes=15)
"""Time before an endpoint is tried again: a token may have been replaced by one with more scopes."""
_LIMIT = 10_000
"""Refusals in memory."""
_METHOD_NOT_ALLOWED = 405


def refusal_of(failure: JiraFailure) -> NotForUs | NotOffered | None:
    """The finding of a failure about an endpoint as a whole; None where it may be about one issue, or the credential.

    Without the endpoint, its path may be taken for an issue with that key, which nobody can POST: that is a 405.
    """
    if isinstance(failure, JiraRefused):
        return None if failure.is_credential else NotForUs(failure)
    is_not_allowed = failure.condition.params.get("status") == _METHOD_NOT_ALLOWED
    if isinstance(failure, JiraGone) or (isinstance(failure, JiraRejected) and is_not_allowed):
        return NotOffered(failure)
    return None


def probe_endpoint(ask: Callable[[], object]) -> NotForUs | NotOffered | None:
    """The refusal of an endpoint, if it refuses a question. Raises a JiraFailure."""
    try:
        ask()
    except JiraFailure as failure:
        if (finding := refusal_of(failure)) is not None:
            return finding
        raise
    return None


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
