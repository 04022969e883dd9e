"""Issues read by their ids: what webhooks, polls and sweeps name is read again here, and nowhere else.

Jira refuses a whole query for one id that is not there or cannot be seen (`A value with ID '…' does not exist`). So a
refusal is no failure: the ids that its words quote are left out and the rest is asked again; where they quote none, the
ids are halved until the one is found. What stays absent was not found; why, only a read of that one issue tells.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app import clock
from app.catalog.json_value import find
from app.errors import JiraRejected

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from app.catalog.json_value import Json
    from app.jira.client import Site

MOST = 50
"""Jira reads back its own writes for at most 50 named issues (`reconcileIssues`)."""


@dataclass
class Found:
    """What a read brought: when it was sent, the issues' objects, and the ids that Jira sent nothing for."""

    sent_at: datetime
    bodies: list[Json] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)


def read(site: Site, ids: Sequence[str]) -> Found:
    """At most 50 issues as they are now, their own latest writes in sight. Raises a JiraFailure."""
    found = Found(clock.now())
    if ids:
        found.bodies = _read(site, list(ids))
        seen = {str(find(body, "id")) for body in found.bodies}
        found.absent = [each for each in ids if each not in seen]
    return found


def _read(site: Site, ids: list[str]) -> list[Json]:
    try:
        return _walk(site, ids)
    except JiraRejected as refused:
        known = [each for each in ids if each not in refused.quoted]
        if len(known) < len(ids):
            return _read(site, known) if known else []
        if len(ids) == 1:
            return []
        middle = len(ids) // 2
        return _read(site, ids[:middle]) + _read(site, ids[middle:])


def _walk(site: Site, ids: list[str]) -> list[Json]:
    bodies: list[Json] = []
    asked: dict[str, Json] = {
        "jql": f"id in ({', '.join(ids)}) ORDER BY created ASC",
        "fields": ["*all"],
        "expand": "changelog",
        "maxResults": MOST,
        "reconcileIssues": [int(each) for each in ids],
    }
    while True:
        answer = site.post("/rest/api/3/search/jql", asked).body
        issues = find(answer, "issues")
        bodies += issues if isinstance(issues, list) else []
        token = find(answer, "nextPageToken")
        if not token or find(answer, "isLast") is True or token == asked.get("nextPageToken"):
            return bodies
        asked["nextPageToken"] = token
