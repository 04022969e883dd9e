"""`search/jql`: bounded queries, opaque tokens, shrinking pages."""

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
from sandbox.search.page_token import PageTokens, Place
from sandbox.shapes import JiraError, JsonObject

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from sandbox.options import Options
    from sandbox.world import Issue, World

MAX_PAGE = 5000
MAX_PAGE_WITH_FIELDS = 100
MAX_RECONCILED = 50
UNBOUNDED = "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
_UNKNOWN_ID = "A value with ID '{}' does not exist for the field 'id'."
_UNKNOWN_KEY = "An issue with key '{}' does not exist for field 'key'."
_KEPT_RESULTS = 64
_RELATIVE = re.compile(r"[\s=\"'(]-\d+[smhdwMy]\b")


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """The parameters of search/jql, already of the right types."""

    jql: str
    token: str | None = None
    max_results: int = 50
    fields: tuple[str, ...] = ()
    expand: str = ""
    properties: tuple[str, ...] = ()
    reconcile: tuple[int, ...] = ()

    @property
    def binding(self) -> JsonObject:
        """What a page token is bound to; the page size is not part of it."""
        return {
            "jql": self.jql,
            "fields": sorted(self.fields),
            "expand": self.expand,
            "properties": self.properties,
            "reconcile": self.reconcile,
        }


class View(Protocol):
    """What a search sees of the site: the truth, or an index that lags behind it."""

    @property
    def revision(self) -> int:
        """The number of what it shows: two views of one revision show the same."""

    def searchable(self, project_ids: list[str] | None = None) -> Iterator[Issue]:
        """Yield the issues that the view knows."""

    def named(self, texts: Iterable[str]) -> Iterator[Issue]:
        """Yield those of these ids and keys."""


@dataclass(slots=True)
class Found:
    """The ordered result of one query at one revision."""

    issues: list[Issue]


class Search:
    """Answers queries of one site; keeps recent results so that a walk does not search again for each page."""

    def __init__(
        self, world: World, view: Callable[[Collection[int]], View], clock: Callable[[], int], options: Options
    ) -> None:
        """Search what `view` shows; dates in queries are read in the zone of the user, which is the site's."""
        self._options = options
        self._world = world
        self._view = view
        self._clock = clock
        self._zone = zone(world.timezone)
        self._kept: OrderedDict[tuple[str, int], Found] = OrderedDict()
        self._lock = threading.Lock()
        self._marks: list[SortKey] = []  # one a page; a walk goes on behind its mark, whatever has changed meanwhile
        self.tokens = PageTokens(clock)

    def page(self, asked: SearchRequest, version: str) -> JsonObject:
        """Return one page, or raise the 400 Jira answers."""
        place = self.tokens.open(asked.token, asked.binding) if asked.token is not None else None
        if not 1 <= asked.max_results <= MAX_PAGE:
            raise JiraError(400, f"The value of maxResults must be between 1 and {MAX_PAGE}.")
        if len(asked.reconcile) > MAX_RECONCILED:
            raise JiraError(400, f"The reconcileIssues parameter takes at most {MAX_RECONCILED} issue ids.")
        query = bounded(asked.jql)
        self._require_known(query)
        found = self.find(query, asked.jql, asked.reconcile)
        start = self._start(found, place, query)
        wanted = rendering.Selection.of(asked.fields, "id")
        expand = frozenset(part.strip() for part in asked.expand.split(",") if part.strip())
        size = asked.max_results if wanted.is_ids_only and not expand else min(asked.max_results, MAX_PAGE_WITH_FIELDS)
        members = found.issues[start : start + size]
        is_last = start + size >= len(found.issues)
        body: JsonObject = {
            "issues": [rendering.issue(each, wanted, expand, rendering.SEARCH, version) for each in members],
            "isLast": is_last,
        }
        if not is_last:
            body["nextPageToken"] = self.tokens.seal(self._mark(members[-1], query), asked.binding)
        if "names" in expand:
            body["names"] = {
                key: each["name"] for key, each in self._world.catalogue.fields.items() if wanted.shows(key)
            }
        if "schema" in expand:
            body["schema"] = {
                key: each["schema"] for key, each in self._world.catalogue.fields.items() if wanted.shows(key)
            }
        return body

    def _start(self, found: Found, place: Place | None, query: Query) -> int:
        """Return where the page begins: behind the mark."""
        if place is None:
            return 0
        return bisect_right(found.issues, self._marks[place.mark], key=sort_key(query))

    def _mark(self, last: Issue, query: Query) -> Place:
        """Keep where the last issue of a page stands now: it may move, change or go before the next page."""
        with self._lock:
            self._marks.append(sort_key(query)(last))
            return Place(len(self._marks) - 1)

    def count(self, jql: str) -> int:
        """Return how many issues match."""
        query = bounded(jql)
        self._require_known(query)
        return len(self.find(query, jql).issues)

    def _require_known(self, query: Query) -> None:
        """Refuse a query that names an issue that is not there or cannot be seen: the whole of it, as Jira does.

        Many public clients have these very words in their code. The index has no part in it.
        """
        if not self._options.unknown_issues_are_errors:
            return
        missing = []
        for text in query.issues_named():
            issue = self._world.find(text)
            if issue is None or not self._world.may_see(issue):
                missing.append(_UNKNOWN_ID.format(text) if text.isdigit() else _UNKNOWN_KEY.format(text))
        if missing:
            raise JiraError(400, *missing)

    def find(self, query: Query, jql: str, reconciled: Collection[int] = ()) -> Found:
        """Return all matches in order; a kept result is used while the view has not changed."""
        view = self._view(reconciled)
        name = (jql, view.revision)
        if _RELATIVE.search(jql):  # its meaning changes with the clock
            return self._evaluated(query, view)
        with self._lock:
            kept = self._kept.get(name)
        if kept is None:
            kept = self._evaluated(query, view)
            with self._lock:
                self._kept[name] = kept
                while len(self._kept) > _KEPT_RESULTS:
                    self._kept.popitem(last=False)
        return kept

    def _evaluated(self, query: Query, view: View) -> Found:
        named = _named(query)
        candidates = view.searchable(self._projects(query)) if named is None else view.named(named)
        if query.where is not None:
            test = test_of(query.where, Clock(self._clock(), self._zone))
            candidates = (each for each in candidates if test(each))
        ordered = sorted(candidates, key=sort_key(query))
        return Found(ordered)

    def _projects(self, query: Query) -> list[str] | None:
        """Return the projects a query is confined to, so that others need not be looked at."""
        for clause in query.top_level():
            if clause.field == "project" and clause.operator in {"=", "in"}:
                wanted = {operand.text.lower() for operand in clause.operands}
                projects = self._world.catalogue.projects.values()
                return [p["id"] for p in projects if wanted & {p["id"], p["key"].lower(), p["name"].lower()}]
        return None


def _named(query: Query) -> list[str] | None:
    """Return the ids and keys that a query is confined to, so that no other issue need be looked at."""
    for clause in query.top_level():
        if clause.field == "issuekey" and clause.operator in {"=", "in"}:
            return [operand.text for operand in clause.operands]
    return None


def bounded(jql: str) -> Query:
    """Parse a query and refuse one without any restriction."""
    query = parse(jql)
    if query.where is None:
        raise JiraError(400, UNBOUNDED)
    return query
