"""A wire that answers with recorded payloads of real sites, or with the examples of Atlassian's API documents.

Both were made by others, so a source that reads them is held against more than our own understanding of Jira. A resource
that neither has fails the test.
"""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.fakes.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import requests

DATE = "Mon, 30 Nov 2026 12:00:00 GMT"
"""The site's clock."""
_ROOT = re.compile(r"^/rest/(?:api|agile)/[0-9.]+/")
_SELECTORS = ("nextPageToken", "accountId")
"""Parameters by which one resource has several recordings."""


def resource_of(path: str) -> str:
    """A path without the root of its API: recordings and documents differ in versions."""
    return _ROOT.sub("", path)


@dataclass(frozen=True)
class Capture:
    """One recorded answer and its question."""

    method: str
    resource: str
    query: dict[str, str]
    path: Path

    @property
    def body(self) -> Any:
        return json.loads(self.path.read_text(encoding="utf-8"))

    @property
    def issue_ids(self) -> set[str]:
        return {str(issue["id"]) for issue in self.body["issues"]}

    @property
    def project_ids(self) -> set[str]:
        return {str(issue["fields"]["project"]["id"]) for issue in self.body["issues"]}


class RecordedSite(Wire):
    """Answers each request with the one recording or example of its resource.

    A search is answered with the recorded page of its project, of its ids or, where it names neither, of the first
    project. `unknown_ids` are refused as Jira does it: 404 for a direct read, 400 for a search that names one.
    """

    def __init__(self, folder: Path, address: str) -> None:
        super().__init__()
        self.unknown_ids: set[str] = set()
        self._recordings = _recordings(folder, address)
        self._examples = examples(folder.parent / "openapi")

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        method, address = str(request.method), urlsplit(request.url or "")
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        if method == "POST":
            query = json.loads(request.body or b"{}")
        status, body = self._answer(method, resource_of(unquote(address.path)), query)
        self.answers(body, status=status, headers={"Date": DATE})
        return super().send(request, **options)

    def scopes_of(self, path: str) -> list[str]:
        """The ids for which a resource was recorded, such as `issue/{issue_id}/comment`; one empty id for a plain path."""
        pattern = re.compile(re.sub(r"\\\{.*?\\\}", "([^/]+)", re.escape(path)))
        matches = [pattern.fullmatch(capture.resource) for capture in self._recordings]
        return list(dict.fromkeys("".join(match.groups()) for match in matches if match))

    def has_answer(self, path: str) -> bool:
        """Whether a list can be read: it was recorded, or the documents have an example of it."""
        name = "GET " + re.sub(r"{.*?}", "1", path)
        return bool(self.scopes_of(path)) or any(template.fullmatch(name) for template, _ in self._examples)

    def example(self, method: str, resource: str) -> Any:
        """The example of Atlassian's documents; fails the test where there is none."""
        for template, body in self._examples:
            if template.fullmatch(f"{method} {resource}"):
                return body
        raise AssertionError(f"nobody recorded {method} {resource}")

    def bulk_issues(self, issue_ids: list[str]) -> Any:
        """The recorded issues by id, in Jira's order; others are left out silently."""
        pages = [capture.body for capture in self._recordings if capture.resource == "search/jql"]
        bodies = {str(issue["id"]): issue for page in pages for issue in page["issues"]}
        issues = [bodies[issue_id] for issue_id in sorted(issue_ids, key=int) if issue_id in bodies]
        return {"expand": "", "issueErrors": [], "issues": issues}

    def bulk_histories(self, issue_ids: list[str]) -> Any:
        """The recorded histories of some issues, as one page; issues without a recording have none."""
        resources = {f"issue/{issue_id}/changelog": issue_id for issue_id in issue_ids}
        logs: dict[str, list[Any]] = {}
        for capture in self._recordings:
            if capture.resource in resources:
                logs.setdefault(resources[capture.resource], []).extend(capture.body["values"])
        return {
            "issueChangeLogs": [
                {"issueId": issue_id, "changeHistories": histories} for issue_id, histories in logs.items()
            ]
        }

    def _answer(self, method: str, resource: str, query: dict[str, Any]) -> tuple[int, Any]:
        if self.unknown_ids & set(resource.split("/")):
            return 404, {"errorMessages": ["Issue does not exist or you do not have permission to see it."]}
        jql_ids = _ids_in(query)
        if unknown_ids := sorted(self.unknown_ids & jql_ids):
            complaints = [
                f"A value with ID '{issue_id}' does not exist for the field 'id'." for issue_id in unknown_ids
            ]
            return 400, {"errorMessages": complaints}
        if resource in _BULK and method == "POST":
            return 200, _BULK[resource](self, query["issueIdsOrKeys"])
        for capture in self._recordings:
            if capture.resource == resource and _is_answer(capture, query, jql_ids):
                return 200, capture.path.read_bytes()
        return 200, self.example(method, resource)


_BULK: dict[str, Callable[[RecordedSite, list[str]], Any]] = {
    "issue/bulkfetch": RecordedSite.bulk_issues,
    "changelog/bulkfetch": RecordedSite.bulk_histories,
}
"""Questions about several issues, answered from the recordings of single ones."""


def _is_answer(capture: Capture, query: dict[str, Any], jql_ids: set[str]) -> bool:
    """Whether a recording answers a question; offsets beyond its first page were not recorded."""
    if query.get("startAt", "0") != capture.query.get("startAt", "0"):
        return False
    if any(query.get(name) != capture.query.get(name) for name in _SELECTORS):
        return False
    if "jql" not in capture.query:
        return True
    if jql_ids:
        return capture.issue_ids == jql_ids
    project = re.search(r"project = (\w+)", str(query.get("jql")))
    return project is None or project.group(1) in capture.project_ids


def _ids_in(query: dict[str, Any]) -> set[str]:
    issue_list = re.search(r"id in \(([^)]*)\)", str(query.get("jql")))
    return set(re.findall(r"\d+", issue_list.group(1))) if issue_list else set()


@cache
def _recordings(folder: Path, address: str) -> tuple[Capture, ...]:
    """The recordings of one site; variants come after the answers that they vary."""
    lines = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    of_site = [line for line in lines if line["site"] == address]
    return tuple(
        Capture(line["method"], resource_of(unquote(parts.path)), _single(parts.query), folder / line["file"])
        for line in of_site
        for parts in [urlsplit(line["path"])]
    )


def _single(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}


@cache
def examples(folder: Path) -> tuple[tuple[re.Pattern[str], Any], ...]:
    """Examples of successful answers by method and resource, literal paths before templates."""
    patterns = {}
    for document in _documents(folder):
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                content = operation.get("responses", {}).get("200", {}).get("content", {}) if method in _METHODS else {}
                if "example" in (answer := content.get("application/json", {})):
                    patterns[f"{method.upper()} {resource_of(path)}"] = _parsed(answer["example"])
    literal_first = sorted(patterns, key=lambda name: (name.count("{"), name))
    return tuple(
        (re.compile(re.sub(r"\\\{.*?\\\}", "[^/]+", re.escape(name))), patterns[name]) for name in literal_first
    )


_METHODS = frozenset({"get", "post"})


@cache
def platform_document(folder: Path) -> dict[str, Any]:
    """Atlassian's document of Jira Cloud's platform API."""
    with gzip.open(folder / "jira-platform-v3.openapi.2026-03.json.gz", "rt", encoding="utf-8") as file:
        document: dict[str, Any] = json.load(file)
    return document


def _documents(folder: Path) -> list[dict[str, Any]]:
    platform = platform_document(folder)
    software = json.loads((folder / "jira-software.openapi.2022-07.json").read_text(encoding="utf-8"))
    return [platform, software]


def _parsed(example: Any) -> Any:
    """The documents hold JSON as text; the example of an e-mail address is plain text."""
    try:
        return json.loads(example) if isinstance(example, str) else example
    except ValueError:
        return example
