"""`search/jql`, the approximate count, `jql/match`, and the removed `search`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from sandbox.search import SearchRequest
from sandbox.shapes import JiraError, JsonObject
from sandbox.web.agile import test_of_jql
from sandbox.web.callers import closed_projects
from sandbox.web.exchange import API, bad_payload, json_body, names, reply, site

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.world import Issue

routes = Blueprint("search", __name__)

_GET = frozenset(
    {
        "jql",
        "nextPageToken",
        "maxResults",
        "fields",
        "expand",
        "properties",
        "fieldsByKeys",
        "failFast",
        "reconcileIssues",
    }
)
_POST = _GET - {"failFast"}
_MAX_PROPERTIES = 5
_OUT_OF_RANGE = 0


@routes.get(f"{API}/search/jql")
def search(version: str) -> Response:
    """Answer a GET search."""
    text = request.args.get("maxResults")
    try:
        size = 50 if text is None else int(text)
    except ValueError:
        size = _OUT_OF_RANGE
    search_request = SearchRequest(
        request.args.get("jql", ""),
        request.args.get("nextPageToken"),
        size,
        tuple(names("fields")),
        request.args.get("expand", ""),
        tuple(names("properties")),
        tuple(_issue_id(text) for text in names("reconcileIssues")),
        closed_projects(),
    )
    return _answer(search_request, version)


@routes.post(f"{API}/search/jql")
def search_by_post(version: str) -> Response:
    """Answer a POST search; an unknown property is an error."""
    body = json_body()
    if set(body) - _POST:
        raise bad_payload()
    search_request = SearchRequest(
        _member(body, "jql", str, ""),
        _member(body, "nextPageToken", str, None),
        _size(body),
        tuple(_array(body, "fields", _word)),
        _member(body, "expand", str, ""),
        tuple(_array(body, "properties", _word)),
        tuple(_array(body, "reconcileIssues", _issue_id)),
        closed_projects(),
    )
    return _answer(search_request, version)


def _answer(search_request: SearchRequest, version: str) -> Response:
    if len(search_request.properties) > _MAX_PROPERTIES:
        raise JiraError(400, f"At most {_MAX_PROPERTIES} properties can be requested.")
    body = site().search.page(search_request, version)
    return reply(body, objects=len(body["issues"]))


def _size(body: JsonObject) -> int:
    size = body.get("maxResults", 50)  # null counts as out of range, not as absent
    return size if isinstance(size, int) and not isinstance(size, bool) else _OUT_OF_RANGE


def _member(body: JsonObject, name: str, kind: type, default: Any) -> Any:  # noqa: ANN401 - JSON
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, kind):
        raise bad_payload()
    return value


def _array(body: JsonObject, name: str, convert: Callable[[object], Any]) -> list[Any]:
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise bad_payload()
    return [convert(item) for item in value]


def _word(value: object) -> str:
    if not isinstance(value, str):
        raise bad_payload()
    return value


def _issue_id(value: object) -> int:
    try:
        return int(value)  # type: ignore[call-overload, no-any-return]  # a JSON value
    except (TypeError, ValueError):
        raise JiraError(400, f"'{value}' is not an issue id.") from None


@routes.post(f"{API}/search/approximate-count")
def approximate_count(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Count the matches of a bounded query."""
    body = json_body()
    if set(body) - {"jql"} or not isinstance(body.get("jql"), str):
        raise bad_payload()
    return reply({"count": site().search.count(body["jql"], closed_projects())})


@routes.post(f"{API}/jql/match")
def match(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return the matching issues of each query, or the errors of an invalid one."""
    body = json_body()
    if set(body) - {"jqls", "issueIds"}:
        raise bad_payload()
    issue_ids = {str(issue_id) for issue_id in _array(body, "issueIds", _issue_id)}
    issues = [issue for issue in site().search_view((), closed_projects()).searchable() if issue.id in issue_ids]
    return reply({"matches": [_matches(jql, issues) for jql in _array(body, "jqls", _word)]})


@routes.post(f"{API}/jql/parse")
def parse_queries(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return the errors of each query; its syntax tree is left out."""
    if request.args.get("validation", "strict") not in {"strict", "warn", "none"}:
        raise JiraError(400, "validation must be one of strict, warn, none")
    body = json_body()
    queries = _array(body, "queries", _word)
    if set(body) - {"queries"} or not queries:
        raise bad_payload()
    return reply({"queries": [{"query": jql, **_errors(jql)} for jql in queries]})


def _errors(jql: str) -> JsonObject:
    try:
        test_of_jql(jql)
    except JiraError as error:
        return {"errors": list(error.messages)}
    return {"structure": {}}


def _matches(jql: str, issues: list[Issue]) -> JsonObject:
    try:
        is_match = test_of_jql(jql)
    except JiraError as error:
        return {"matchedIssues": [], "errors": list(error.messages)}
    return {"matchedIssues": [int(issue.id) for issue in issues if is_match(issue)], "errors": []}


@routes.route(f"{API}/search", methods=["GET", "POST"])
def removed_search(version: str) -> Response:
    """Refuse the search that Atlassian removed in 2025."""
    raise JiraError(
        410,
        f"The requested API has been removed. Please migrate to the /rest/api/{version}/search/jql API. "
        "A full migration guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046",
    )
