"""A Jira site in memory that misbehaves on request: for the engine's guards, where the sandbox is too well-behaved."""

from __future__ import annotations

import copy
import re
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from app import clock
from app.conditions import Code
from app.errors import JiraGone, JiraRejected, TokenExpired
from app.ingest.backfill.page_size import PageSizer
from app.jira.client import Answer
from app.sources import ISSUE_PAGE
from app.sources.cloud.source import CloudSource

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

FIRST = 1_700_000_000_000
FIRST_ID = 100_000
STEP = 3_600_000
"""One issue an hour."""


_NOTHING: dict[str, Any] = {"values": [], "total": 0, "isLast": True}
_FIXED: dict[str, Any] = {
    "field": [{"id": "summary", "name": "Summary", "custom": False, "schema": {"type": "string"}}],
    "search": {"values": [{"id": "10000", "key": "EE", "name": "EE"}], "total": 1, "isLast": True},
    **dict.fromkeys(("version", "component"), _NOTHING),
    **{name: [] for name in ("status", "priority", "resolution", "issuetype")},
    "serverInfo": {"deploymentType": "Cloud"},
}
"""What the rest of the site answers, by the last part of the path."""


@dataclass
class FakeSite:
    """`count` issues of project 10000. `misbehave(path, page)` may raise, or change a search page before it is sent."""

    count: int
    misbehave: Callable[[str, dict[str, Any]], None] = lambda _path, _page: None
    delay: float = 0.0
    """Seconds an answer takes."""
    boards: dict[int, Callable[[int], bool]] = field(default_factory=dict)
    """Board ids, and which issue ids their filters (numbered like them) hold."""
    is_strict: bool = False
    """Whether a search for ids is refused as a whole where one of them is not there."""
    step: int = STEP
    """Milliseconds from one issue to the next."""
    base_url: str = "https://fake.atlassian.net"
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def source(self) -> CloudSource:
        """The source that ingest works with, over this wire."""
        return CloudSource(self)  # type: ignore[arg-type]  # a fake wire

    def get(self, path: str, params: dict[str, Any] | None = None, *, is_page: bool = False) -> Answer:  # noqa: ARG002 - Site's own
        return self._answer(path, dict(params or {}))

    def post(self, path: str, body: Any) -> Answer:
        return self._answer(path, dict(body))

    def searches(self) -> list[dict[str, Any]]:
        return [asked for path, asked in self.asked if path.endswith("/search/jql") and asked.get("fields") == "*all"]

    def _answer(self, path: str, asked: dict[str, Any]) -> Answer:
        with self._lock:
            self.asked.append((path, asked))
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            time.sleep(self.delay)
            body = self._body(path, asked)
            if isinstance(body, dict):
                self.misbehave(path, body)
            return Answer(body, clock.now(), size=len(orjson.dumps(body)))
        finally:
            with self._lock:
                self.in_flight -= 1

    def _body(self, path: str, asked: dict[str, Any]) -> Any:
        if path.endswith("/approximate-count"):
            return {"count": len(self._matching(asked["jql"]))}
        if path.endswith("/search/jql"):
            return self._page(asked)
        last = path.rsplit("/", 1)[1]
        if last == "match":
            return {
                "matches": [self._match(int(jql.removeprefix("filter = ")), asked["issueIds"]) for jql in asked["jqls"]]
            }
        if last == "configuration":
            return {"id": int(path.split("/")[-2]), "filter": {"id": path.split("/")[-2]}}
        if last == "board":
            values = [{"id": each, "name": f"Board {each}", "type": "kanban"} for each in self.boards]
            return {"values": values, "total": len(values), "isLast": True}
        if last not in _FIXED:
            raise JiraGone(Code.ANSWERED, status=404, endpoint=path)
        return copy.deepcopy(_FIXED[last])

    def _match(self, filter_id: int, issue_ids: list[int]) -> dict[str, Any]:
        if filter_id not in self.boards:
            return {"matchedIssues": [], "errors": [f"A value with ID '{filter_id}' does not exist."]}
        return {"matchedIssues": [each for each in issue_ids if self.boards[filter_id](each)], "errors": []}

    def _page(self, asked: dict[str, Any]) -> dict[str, Any]:
        found = self._matching(asked["jql"])
        token = asked.get("nextPageToken")
        if token is not None and not str(token).isdigit():
            raise TokenExpired(Code.TOKEN_EXPIRED)
        start, size = int(token or 0), min(int(asked.get("maxResults", 50)), 100)
        page: dict[str, Any] = {"issues": [self._issue(number) for number in found[start : start + size]]}
        page["isLast"] = start + size >= len(found)
        if not page["isLast"]:
            page["nextPageToken"] = str(start + size)
        return page

    def _matching(self, jql: str) -> list[int]:
        lower = int(found.group(1)) if (found := re.search(r"created >= (\d+)", jql)) else 0
        upper = int(found.group(1)) if (found := re.search(r"created < (\d+)", jql)) else 2**62
        every = [number for number in range(self.count) if lower <= FIRST + number * self.step < upper]
        if "id in" not in jql:
            return every
        named = {int(each) - FIRST_ID for each in re.findall(r"\d+", jql.partition("id in")[2])}
        if self.is_strict and not named <= set(range(self.count)):
            raise JiraRejected(Code.ANSWERED, status=400, endpoint="")
        return [number for number in every if number in named]

    def _issue(self, number: int) -> dict[str, Any]:
        created = datetime.fromtimestamp((FIRST + number * self.step) / 1000, UTC).isoformat(timespec="milliseconds")
        fields = {"summary": f"Issue {number}", "created": created, "updated": created, "project": {"id": "10000"}}
        return {"id": str(FIRST_ID + number), "key": f"EE-{number}", "fields": fields}


class FullPages(PageSizer):
    """Knows of every project that its issues are small."""

    def size_for(self, *_asked: object) -> int:
        return ISSUE_PAGE


@dataclass
class FakeSites:
    """Opens the fake site for whatever tenant."""

    site: FakeSite

    def open(self, _tenant_id: UUID, *_purpose: object) -> CloudSource:
        return self.site.source
