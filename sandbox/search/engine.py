"""`search/jql`: bounded queries, opaque page tokens, smaller pages with fields."""

from __future__ import annotations

import re
import threading
from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sandbox import rendering
from sandbox.jql import Query, parse
from sandbox.jql.evaluate import Clock, SortKey, sort_key, test_of
from sandbox.moments import zone
from sandbox.search.page_token import PageTokens
from sandbox.shapes import JiraError, JsonObject

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from sandbox.options import Options
    from sandbox.search.page_token import Place
    from sandbox.world import Issue, World

MAX_PAGE = 5000
MAX_PAGE_WITH_FIELDS = 100
MAX_RECONCILE_ISSUES = 50
UNBOUNDED_MESSAGE = "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
_UNKNOWN_ID = "A value with ID '{}' does not exist for the field 'id'."
_UNKNOWN_KEY = "An issue with key '{}' does not exist for field 'key'."
_CACHED_RESULTS = 64
_RELATIVE = re.compile(r"[\s=\"'(]-\d+[smhdwMy]\b")


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """The parameters of search/jql, parsed."""

    jql: str
    token: str | None = None
    max_results: int = 50
    fields: tuple[str, ...] = ()
    expand: str = ""
    properties: tuple[str, ...] = ()
    reconcile: tuple[int, ...] = ()
    closed_projects: frozenset[str] = frozenset()  # ids of projects that the caller can't browse

    @property
    def binding(self) -> JsonObject:
        """The parameters that a page token is bound to. The page size is not among them."""
        return {
            "jql": self.jql,
            "fields": sorted(self.fields),
            "expand": self.expand,
            "properties": self.properties,
            "reconcile": self.reconcile,
        }


class Views(Protocol):
    """Gives the view of a search: with current records of some issues, without closed projects."""

    def __call__(self, reconcile_ids: Collection[int], closed: frozenset[str], /) -> View:
        """Return the view."""


class View(Protocol):
    """The issues visible to a search: the world, or an index that lags behind it."""

    @property
    def revision(self) -> int:
        """Identifies the content: views with equal revisions are equal."""

    def searchable(self, project_ids: list[str] | None = None) -> Iterator[Issue]:
        """Yield the searchable issues of the view."""

    def lookup(self, ids_or_keys: Iterable[str]) -> Iterator[Issue]:
        """Yield the searchable issues with these ids or keys."""


@dataclass(slots=True)
class Result:
    """The ordered result of one query at one revision."""

    issues: list[Issue]


class Search:
    """Answers the queries of one site. Recent results are cached, so a walk does not search for each page."""

    def __init__(self, world: World, view: Views, clock: Callable[[], int], options: Options) -> None:
        """Search through `view`; dates in queries are in the time zone of the site."""
        self._options = options
        self._world = world
        self._view = view
        self._clock = clock
        self._zone = zone(world.timezone)
        self._results: OrderedDict[tuple[str, int, frozenset[str]], Result] = OrderedDict()
        self._lock = threading.Lock()
        self._marks: list[SortKey] = []  # one per page; a walk continues behind its mark
        self.tokens = PageTokens(clock)

    def page(self, request: SearchRequest, version: str) -> JsonObject:
        """Return one page. Raises JiraError 400."""
        place = self.tokens.open(request.token, request.binding) if request.token is not None else None
        if not 1 <= request.max_results <= MAX_PAGE:
            raise JiraError(400, f"The value of maxResults must be between 1 and {MAX_PAGE}.")
        if len(request.reconcile) > MAX_RECONCILE_ISSUES:
            raise JiraError(400, f"The reconcileIssues parameter takes at most {MAX_RECONCILE_ISSUES} issue ids.")
        query = parse_bounded(request.jql)
        self._require_known(query, request.closed_projects)
        result = self.find(query, request.jql, request.reconcile, request.closed_projects)
        start = self._start(result, place, query)
        selection = rendering.Selection.of(request.fields, "id")
        if not self._options.time_tracking:
            selection = selection.without(rendering.TIME_TRACKING)
        expand = frozenset(part.strip() for part in request.expand.split(",") if part.strip())
        size = (
            request.max_results
            if selection.is_ids_only and not expand
            else min(request.max_results, MAX_PAGE_WITH_FIELDS)
        )
        members = result.issues[start : start + size]
        is_last = start + size >= len(result.issues)
        body: JsonObject = {
            "issues": [rendering.issue(member, selection, expand, rendering.SEARCH, version) for member in members],
            "isLast": is_last,
        }
        if not is_last:
            body["nextPageToken"] = self.tokens.seal(self._mark(members[-1], query), request.binding)
        if "names" in expand:
            body["names"] = {
                key: field["name"] for key, field in self._world.catalogue.fields.items() if selection.shows(key)
            }
        if "schema" in expand:
            body["schema"] = {
                key: field["schema"] for key, field in self._world.catalogue.fields.items() if selection.shows(key)
            }
        return body

    def _start(self, result: Result, place: Place | None, query: Query) -> int:
        """Return the index of the page's first issue, behind the mark."""
        if place is None:
            return 0
        return bisect_right(result.issues, self._marks[place[0]], key=sort_key(query))

    def _mark(self, last: Issue, query: Query) -> Place:
        """Store the sort key of a page's last issue; the issue itself may move or vanish before the next page."""
        with self._lock:
            self._marks.append(sort_key(query)(last))
            return (len(self._marks) - 1,)

    def count(self, jql: str, closed_projects: frozenset[str] = frozenset()) -> int:
        """Return the number of matching issues."""
        query = parse_bounded(jql)
        self._require_known(query, closed_projects)
        return len(self.find(query, jql, (), closed_projects).issues)

    def _require_known(self, query: Query, closed_projects: frozenset[str]) -> None:
        """Refuse a query with an unknown or invisible issue, as Jira does.

        Public clients match these messages literally. The check reads the world, not the index.
        """
        if not self._options.unknown_issues_are_errors:
            return
        messages, world = [], self._world.without(closed_projects)
        for text in query.issue_operands():
            issue = world.find(text)
            if issue is None or not world.may_see(issue):
                messages.append(_UNKNOWN_ID.format(text) if text.isdigit() else _UNKNOWN_KEY.format(text))
        if messages:
            raise JiraError(400, *messages)

    def find(self, query: Query, jql: str, reconcile_ids: Collection[int], closed_projects: frozenset[str]) -> Result:
        """Return all matches in order, from the cache while the view is unchanged."""
        view = self._view(reconcile_ids, closed_projects)
        name = (jql, view.revision, closed_projects)
        if _RELATIVE.search(jql):  # the result depends on the clock
            return self._evaluate(query, view)
        with self._lock:
            result = self._results.get(name)
        if result is None:
            result = self._evaluate(query, view)
            with self._lock:
                self._results[name] = result
                while len(self._results) > _CACHED_RESULTS:
                    self._results.popitem(last=False)
        return result

    def _evaluate(self, query: Query, view: View) -> Result:
        texts = _ids_and_keys(query)
        candidates = view.searchable(self._projects(query)) if texts is None else view.lookup(texts)
        if query.condition is not None:
            test = test_of(query.condition, Clock(self._clock(), self._zone))
            candidates = (candidate for candidate in candidates if test(candidate))
        matches = sorted(candidates, key=sort_key(query))
        return Result(matches)

    def _projects(self, query: Query) -> list[str] | None:
        """Return the projects that a query is restricted to; None for all."""
        for clause in query.top_level():
            if clause.field == "project" and clause.operator in {"=", "in"}:
                texts = {operand.text.lower() for operand in clause.operands}
                projects = self._world.catalogue.projects.values()
                return [p["id"] for p in projects if texts & {p["id"], p["key"].lower(), p["name"].lower()}]
        return None


def _ids_and_keys(query: Query) -> list[str] | None:
    """Return the ids and keys that a query is restricted to; None for no such restriction."""
    for clause in query.top_level():
        if clause.field == "issuekey" and clause.operator in {"=", "in"}:
            return [operand.text for operand in clause.operands]
    return None


def parse_bounded(jql: str) -> Query:
    """Parse a query. Raises JiraError 400 for one without a restriction."""
    query = parse(jql)
    if query.condition is None:
        raise JiraError(400, UNBOUNDED_MESSAGE)
    return query
