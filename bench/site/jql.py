"""The little JQL that ingests use; what is not understood is an error, never passed over."""

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
    """Not understood."""


@dataclass(frozen=True)
class Query:
    """What is asked for; None where a clause is absent. Moments are epoch ms, [from, before)."""

    projects: frozenset[str] | None = None
    issues: tuple[str, ...] | None = None
    created: tuple[int, int] | None = None
    updated: tuple[int, int] | None = None
    by_updated: bool = False


_EVER = (0, 1 << 62)


def parse(text: str) -> Query:
    """Raises JqlError."""
    order = _ORDER.search(text)
    at, end = 0, order.start() if order else len(text)
    projects: frozenset[str] | None = None
    issues: tuple[str, ...] | None = None
    bounds = {"created": _EVER, "updated": _EVER}
    while at < end:
        found = _CLAUSE.match(text, at, end)
        if found is None:
            raise JqlError(text[at:])
        at = found.end()
        if moment := found["moment"]:
            bounds[moment.lower()] = _narrowed(bounds[moment.lower()], found["relation"], found["when"].strip("\"'"))
        else:
            names = [each.strip(" \"'") for each in (found["values"] or found["value"]).split(",")]
            if (found["list"] or found["one"]).lower() == "project":
                projects = frozenset(names)
            else:
                issues = tuple(names)
        if at < end:
            joined = _AND.match(text, at, end)
            if joined is None:
                raise JqlError(text[at:])
            at = joined.end()
    return Query(
        projects,
        issues,
        None if bounds["created"] == _EVER else bounds["created"],
        None if bounds["updated"] == _EVER else bounds["updated"],
        by_updated=order is not None and order[1].lower() == "updated",
    )


def _narrowed(bounds: tuple[int, int], relation: str, when: str) -> tuple[int, int]:
    first, before = bounds
    ms = _ms(when)
    if relation in {">=", ">"}:
        return max(first, ms + (relation == ">")), before
    return first, min(before, ms + (relation == "<="))


def _ms(when: str) -> int:
    if when.isdigit():
        return int(when)
    if when.startswith("-"):
        days = {"h": 1 / 24, "d": 1, "w": 7}[when[-1].lower()] * int(when[1:-1])
        return int((time.time() - days * 86400) * 1000)
    try:
        # The bench's users all live in UTC.
        return int(datetime.fromisoformat(when.removesuffix(" UTC")).replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        raise JqlError(when) from None
