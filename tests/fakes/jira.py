"""A Jira site in memory that misbehaves on request, for guards that the well-behaved sandbox cannot trigger."""

from __future__ import annotations

import copy
import re
import threading
import time
from bisect import bisect_left
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
from app.sources.cloud_bulk.refusals import Refusals
from app.sources.cloud_bulk.source import CloudBulkSource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

FIRST = 1_700_000_000_000
FIRST_ID = 100_000
STEP = 3_600_000
"""One issue per hour."""


_BY_ID = re.compile(r"/bulkfetch$|/issue/\d+$")
_EMPTY_PAGE: dict[str, Any] = {"values": [], "total": 0, "isLast": True}
_CONSTANT_BODIES: dict[str, Any] = {
    "field": [{"id": "summary", "name": "Summary", "custom": False, "schema": {"type": "string"}}],
    "search": {"values": [{"id": "10000", "key": "EE", "name": "EE"}], "total": 1, "isLast": True},
    **dict.fromkeys(("version", "component"), _EMPTY_PAGE),
    **{name: [{"id": "1", "name": "One"}] for name in ("status", "priority", "issuetype")},
    "resolution": [],
    "serverInfo": {"deploymentType": "Cloud"},
    "myself": {"accountId": "5b10ac8d82e05b22cc7d4ef5", "displayName": "The app"},
}
"""Bodies of all other endpoints, by the last part of the path."""


def end_early(_path: str, page: dict[str, Any]) -> None:
    """A way to misbehave: each page of issues is without its last one, and so is each list."""
    if "issues" in page and len(page["issues"]) > 1:
        page["issues"].pop()


@dataclass
class FakeSite:
    """`count` issues of project 10000. `misbehave(path, page)` may raise, or change a search page."""

    count: int
    misbehave: Callable[[str, dict[str, Any]], None] = lambda _path, _page: None
    delay: float = 0.0
    """Seconds per answer."""
    boards: dict[int, Callable[[int], bool]] = field(default_factory=dict)
    """Board ids, each with a test for the issue ids of its filter; filter and board have the same id."""
    is_strict: bool = False
    """Whether an unknown id refuses the whole search for ids."""
    step: int = STEP
    """Milliseconds between issues."""
    lists: dict[str, list[Any]] = field(default_factory=dict)
    """Unpaged lists besides its own, by the last part of the path."""
    is_token_site: bool = False
    """Whether it is read by its bulk endpoints."""
    base_url: str = "https://fake.atlassian.net"
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def source(self) -> CloudSource:
        """The source for ingest over this wire."""
        if self.is_token_site:
            return CloudBulkSource(self, refusals=Refusals())  # type: ignore[arg-type]  # a fake wire
        return CloudSource(self)  # type: ignore[arg-type]  # a fake wire

    def get(self, path: str, params: dict[str, Any] | None = None, *, is_page: bool = False) -> Answer:  # noqa: ARG002 - Site's own
        return self._answer(path, dict(params or {}))

    def post(self, path: str, body: Any, *, is_page: bool = False) -> Answer:  # noqa: ARG002 - Site's own
        return self._answer(path, dict(body))

    def searches(self) -> list[dict[str, Any]]:
        return [
            parameters
            for path, parameters in self.calls
            if path.endswith("/search/jql") and parameters.get("fields") == "*all"
        ]

    def _answer(self, path: str, parameters: dict[str, Any]) -> Answer:
        with self._lock:
            self.calls.append((path, parameters))
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            time.sleep(self.delay)
            body = (self._named_issues if _BY_ID.search(path) else self._body)(path, parameters)
            if isinstance(body, dict):
                self.misbehave(path, body)
            return Answer(body, clock.now(), size=len(orjson.dumps(body)))
        finally:
            with self._lock:
                self.in_flight -= 1

    def _body(self, path: str, parameters: dict[str, Any]) -> Any:
        if path.endswith("/approximate-count"):
            return {"count": len(self._matching(parameters["jql"]))}
        if path.endswith("/search/jql"):
            return self._page(parameters)
        last = path.rsplit("/", 1)[1]
        if last == "match":
            return {
                "matches": [
                    self._match(int(jql.removeprefix("filter = ")), parameters["issueIds"])
                    for jql in parameters["jqls"]
                ]
            }
        if last == "configuration":
            return {"id": int(path.split("/")[-2]), "filter": {"id": path.split("/")[-2]}}
        if last == "board":
            values = [{"id": board_id, "name": f"Board {board_id}", "type": "kanban"} for board_id in self.boards]
            return {"values": values, "total": len(values), "isLast": True}
        bodies = {**_CONSTANT_BODIES, **self.lists}
        if last not in bodies:
            raise JiraGone(Code.ANSWERED, status=404, endpoint=path)
        return copy.deepcopy(bodies[last])

    def _named_issues(self, path: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Issues that are named by id, without histories; only a token may ask so here."""
        if not self.is_token_site:
            raise JiraGone(Code.ANSWERED, status=404, endpoint=path)
        if path.endswith("/changelog/bulkfetch"):
            return {"issueChangeLogs": []}
        if not path.endswith("/bulkfetch"):
            return self._issue(int(path.rpartition("/")[2]) - FIRST_ID)
        numbers = sorted(int(issue_id) - FIRST_ID for issue_id in parameters["issueIdsOrKeys"])
        return {"issues": [self._issue(number) for number in numbers if number < self.count], "issueErrors": []}

    def _match(self, filter_id: int, issue_ids: list[int]) -> dict[str, Any]:
        if filter_id not in self.boards:
            return {"matchedIssues": [], "errors": [f"A value with ID '{filter_id}' does not exist."]}
        return {"matchedIssues": [issue_id for issue_id in issue_ids if self.boards[filter_id](issue_id)], "errors": []}

    def _page(self, parameters: dict[str, Any]) -> dict[str, Any]:
        numbers = self._matching(parameters["jql"])
        if "created DESC" in parameters["jql"]:
            numbers = numbers[::-1]
        token = parameters.get("nextPageToken")
        if token is not None and not str(token).isdigit():
            raise TokenExpired(Code.TOKEN_EXPIRED)
        page_limit = 5000 if parameters.get("fields") == "id" else 100
        start, size = int(token or 0), min(int(parameters.get("maxResults", 50)), page_limit)
        issues = [self._issue(number) for number in numbers[start : start + size]]
        if isinstance(parameters.get("fields"), str) and parameters["fields"] in {"id", "updated", "created"}:
            for issue in issues:
                name = parameters["fields"]
                issue["fields"] = {name: issue["fields"][name]} if name in issue["fields"] else {}
        page: dict[str, Any] = {"issues": issues}
        page["isLast"] = start + size >= len(numbers)
        if not page["isLast"]:
            page["nextPageToken"] = str(start + size)
        return page

    def _matching(self, jql: str) -> Sequence[int]:
        lower = int(match.group(1)) if (match := re.search(r"created >= (\d+)", jql)) else 0
        upper = int(match.group(1)) if (match := re.search(r"created < (\d+)", jql)) else 2**62
        first, end = (bisect_left(range(self.count), moment, key=self._created_ms) for moment in (lower, upper))
        numbers = range(first, end)
        if "id in" not in jql:
            return numbers
        members = {int(text) - FIRST_ID for text in re.findall(r"\d+", jql.partition("id in")[2])}
        if self.is_strict and not members <= set(range(self.count)):
            raise JiraRejected(Code.ANSWERED, status=400, endpoint="")
        return [number for number in numbers if number in members]

    def _created_ms(self, number: int) -> int:
        return FIRST + number * self.step

    def _issue(self, number: int) -> dict[str, Any]:
        timestamp = datetime.fromtimestamp(self._created_ms(number) / 1000, UTC).isoformat(timespec="milliseconds")
        fields = {"summary": f"Issue {number}", "created": timestamp, "updated": timestamp, "project": {"id": "10000"}}
        return {"id": str(FIRST_ID + number), "key": f"EE-{number}", "fields": fields}


class FullPages(PageSizer):
    """A page sizer that expects small issues everywhere."""

    def size_for(self, *_context: object) -> int:
        return ISSUE_PAGE


@dataclass
class FakeSites:
    """Opens the fake site for every tenant."""

    site: FakeSite

    def open(self, _tenant_id: UUID, *_purpose: object) -> CloudSource:
        return self.site.source
