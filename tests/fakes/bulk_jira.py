"""A Jira Cloud with bulk endpoints, by Atlassian's API document: refuses a body that the document forbids."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from jsonschema import Draft4Validator

from tests.fakes.recorded_site import resource_of
from tests.fakes.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

INLINE = 40
"""Histories that come with an issue."""
BATCH = 100
"""Issues of one bulk request."""
ME = {"accountId": "5b10ac8d82e05b22cc7d4ef5", "displayName": "The account"}


def history(number: int, moment: object = None) -> dict[str, Any]:
    """A history with one change; ISO time unless another is given."""
    time = moment if moment is not None else f"2026-11-30T12:{number // 60 % 60:02}:{number % 60:02}.000+0000"
    item = {"field": "summary", "fieldtype": "jira", "fieldId": "summary", "fromString": "a", "toString": str(number)}
    return {"id": str(number), "author": ME, "created": time, "items": [item]}


@dataclass
class BulkJira(Wire):
    """A site with issues by id, and their histories, oldest first."""

    document: dict[str, Any]
    """Atlassian's, of the platform API."""
    histories: dict[str, list[dict[str, Any]]]
    broken_ids: set[str] = field(default_factory=set)
    """Issues that fail every answer that holds them with 500."""
    error_ids: set[str] = field(default_factory=set)
    """Issues that bulkfetch names in `issueErrors`."""
    hidden_ids: set[str] = field(default_factory=set)
    """Issues that searches list, and that nobody may read."""
    refusals: dict[str, int] = field(default_factory=dict)
    """Status by resource."""
    id_page: int = 5000
    history_page: int = 1000
    forgotten_histories: set[str] = field(default_factory=set)
    """Histories that the bulk endpoint leaves out."""
    has_inline: bool = True
    """Whether issues carry their newest histories."""
    calls: list[str] = field(default_factory=list)
    """Method and resource of each request."""
    payloads: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        address = urlsplit(request.url or "")
        resource, method = resource_of(address.path), str(request.method)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        if method == "POST":
            query = json.loads(request.body or b"{}")
            _check(self.document, address.path, query)
            self.payloads.append(query)
        self.calls.append(f"{method} {resource}")
        status, body = self._answer(resource, query)
        self.answers(body, status=status)
        return super().send(request, **options)

    def _answer(self, resource: str, query: dict[str, Any]) -> tuple[int, Any]:
        if resource in self.refusals:
            return self.refusals[resource], {"errorMessages": ["no"]}
        if resource == "myself":
            return 200, ME
        if resource.startswith("issue/") and resource != "issue/bulkfetch":
            return self._direct(resource.removeprefix("issue/"))
        answers: dict[str, Callable[[dict[str, Any]], tuple[int, Any]]] = {
            "search/jql": self._search,
            "issue/bulkfetch": self._bulk_issues,
            "changelog/bulkfetch": self._bulk_histories,
        }
        return answers[resource](query)

    def _direct(self, issue_id: str) -> tuple[int, Any]:
        if issue_id in self.broken_ids:
            return 500, None
        if issue_id in self.hidden_ids or issue_id not in self.histories:
            return 404, {"errorMessages": ["Issue does not exist or you do not have permission to see it."]}
        return 200, self._issue(issue_id)

    def _search(self, query: dict[str, Any]) -> tuple[int, Any]:
        start, ids = int(query.get("nextPageToken", "0")), [*self.histories]
        if query["fields"] == "id":
            size = min(int(query["maxResults"]), self.id_page)
            issues: list[Any] = [{"id": issue_id} for issue_id in ids[start : start + size]]
        else:
            size = min(int(query["maxResults"]), BATCH)
            issues = [self._issue(issue_id) for issue_id in ids[start : start + size]]
        body = {"issues": issues, "isLast": start + size >= len(ids)}
        return 200, body if body["isLast"] else {**body, "nextPageToken": str(start + size)}

    def _issue(self, issue_id: str) -> dict[str, Any]:
        histories = self.histories[issue_id]
        issue = {"id": issue_id, "key": f"EE-{issue_id}", "fields": {"summary": "s", "project": {"id": "10003"}}}
        if not self.has_inline:
            return issue
        newest = histories[::-1][:INLINE]
        changelog = {"startAt": 0, "maxResults": len(newest), "total": len(histories), "histories": newest}
        return issue | {"changelog": changelog}

    def _bulk_issues(self, query: dict[str, Any]) -> tuple[int, Any]:
        ids = query["issueIdsOrKeys"]
        if not 0 < len(ids) <= BATCH:
            return 400, {"errorMessages": ["Up to 100 issues"]}
        if self.broken_ids & {*ids}:
            return 500, None
        left_out = self.hidden_ids | self.error_ids
        issues = [
            self._issue(issue_id)
            for issue_id in sorted(ids, key=int)
            if issue_id in self.histories and issue_id not in left_out
        ]
        errors = [{"id": issue_id, "errorMessage": "Try again"} for issue_id in ids if issue_id in self.error_ids]
        return 200, {"expand": "", "issues": issues, "issueErrors": errors}

    def _bulk_histories(self, query: dict[str, Any]) -> tuple[int, Any]:
        """Pages by time, then issue: the histories of one issue lie in several of them."""
        size = min(query.get("maxResults", 1000), self.history_page)
        entries = sorted(
            (str(entry["created"]), issue_id, entry)
            for issue_id in query["issueIdsOrKeys"]
            for entry in map(_Sortable, self.histories.get(issue_id, ()))
            if entry["id"] not in self.forgotten_histories
        )
        start = int(query.get("nextPageToken") or 0)
        logs: dict[str, list[Any]] = {}
        for _, issue_id, entry in entries[start : start + size]:
            logs.setdefault(issue_id, []).append(entry)
        token = str(start + size) if start + size < len(entries) else None
        page = [{"issueId": issue_id, "changeHistories": histories} for issue_id, histories in logs.items()]
        return 200, {"issueChangeLogs": page, "nextPageToken": token}


class _Sortable(dict[str, Any]):
    """A history that ties of time and issue may compare."""

    def __lt__(self, other: dict[str, Any]) -> bool:
        return int(self["id"]) < int(other["id"])


def _check(document: dict[str, Any], path: str, body: dict[str, Any]) -> None:
    """Fail the test for a body that Atlassian's document forbids."""
    schema = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    Draft4Validator({**schema, "components": document["components"]}).validate(body)
