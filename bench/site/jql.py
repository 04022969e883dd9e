"""The subset of JQL that ingests use. Anything else is an error, never ignored."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime

_CLAUSE = re.compile(
    r"""\s*(?:(?P<list>project|id|issue|key)\s+in\s*\((?P<values>[^)]*)\)
          |(?P<one>project|id|issue|key)\s*=\s*(?P<value>"[^"]*"|'[^']*'|[\w-]+)
          |(?P<moment>created|updated)\s*(?P<relation>>=|<=|<|>)\s*(?P<when>\d+|-\d+[dwh]|"[^"]*"|'[^']*'))\s*""",
    re.IGNORECASE | re.VERBOSE,
)
_ORDER = re.compile(
    r"\s*order\s+by\s+(created|updated|key|id)(?:\s+asc)?(?:\s*,\s*(?:key|id)(?:\s+asc)?)?\s*$", re.IGNORECASE
)
_AND = re.compile(r"and\b", re.IGNORECASE)


class JqlError(ValueError):
    """An unsupported query."""


@dataclass(frozen=True)
class Query:
    """The clauses of a query; None for an absent one. Ranges are epoch ms, [from, before)."""

    projects: frozenset[str] | None = None
    issues: tuple[str, ...] | None = None
    created_range: tuple[int, int] | None = None
    updated_range: tuple[int, int] | None = None
    is_by_updated: bool = False


_ALL_TIME = (0, 1 << 62)


def parse(text: str) -> Query:
    """Parse a query. Raises JqlError."""
    order = _ORDER.search(text)
    at, end = 0, order.start() if order else len(text)
    projects: frozenset[str] | None = None
    issues: tuple[str, ...] | None = None
    bounds = {"created": _ALL_TIME, "updated": _ALL_TIME}
    while at < end:
        match = _CLAUSE.match(text, at, end)
        if match is None:
            raise JqlError(text[at:])
        at = match.end()
        if moment := match["moment"]:
            bounds[moment.lower()] = _narrow(bounds[moment.lower()], match["relation"], match["when"].strip("\"'"))
        else:
            names = [name.strip(" \"'") for name in (match["values"] or match["value"]).split(",")]
            if (match["list"] or match["one"]).lower() == "project":
                projects = frozenset(names)
            else:
                issues = tuple(names)
        if at < end:
            conjunction = _AND.match(text, at, end)
            if conjunction is None:
                raise JqlError(text[at:])
            at = conjunction.end()
    return Query(
        projects,
        issues,
        None if bounds["created"] == _ALL_TIME else bounds["created"],
        None if bounds["updated"] == _ALL_TIME else bounds["updated"],
        is_by_updated=order is not None and order[1].lower() == "updated",
    )


def _narrow(bounds: tuple[int, int], relation: str, moment: str) -> tuple[int, int]:
    first, before = bounds
    ms = _ms(moment)
    if relation in {">=", ">"}:
        return max(first, ms + (relation == ">")), before
    return first, min(before, ms + (relation == "<="))


def _ms(moment: str) -> int:
    if moment.isdigit():
        return int(moment)
    if moment.startswith("-"):
        days = {"h": 1 / 24, "d": 1, "w": 7}[moment[-1].lower()] * int(moment[1:-1])
        return int((time.time() - days * 86400) * 1000)
    try:
        # All users of the site are in UTC.
        return int(datetime.fromisoformat(moment.removesuffix(" UTC")).replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        raise JqlError(moment) from None
