"""Issues of Jira Cloud by search: whole pages, ids, counts.

Queries hold literals in epoch milliseconds, which no user's time zone touches.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from app.catalog.conversion import to_moment
from app.catalog.json_value import Json, find
from app.catalog.language import OPEN_END
from app.catalog.registry import entity
from app.catalog.selection import Selection, condition_of
from app.jira.client import whole
from app.sources.answers import IdPage
from app.sources.cloud.pages import fetch, list_in
from app.sources.cloud.rest import path_of
from app.sources.outcomes import attempt, persist, require
from app.sources.paging import Page, Place, follow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from app.catalog.language import Walk
    from app.sources.cloud.rest import CloudSession
    from app.sources.outcomes import Finding
    from app.sources.scope import Scope

_BY_CREATION = "ORDER BY created ASC, key ASC"
"""`created` never changes, so an issue that is edited during a walk doesn't jump over the reader."""
CUSTOM = "customfield_"
_NEWEST_FIRST = "ORDER BY created DESC, key DESC"
EVERYTHING = "project is not EMPTY"
"""All issues. Jira refuses queries without a bound."""
_ID_PAGE = 5000
"""Ids that Jira sends in one page where nothing else is asked for; with fields it sends as many as it likes."""


def _in_scope(scope: Scope) -> str:
    """The query of a scope."""
    clauses = [f"project = {scope.project_id}"]
    if scope.lower:
        clauses.append(f"created >= {scope.lower}")
    if scope.upper != OPEN_END:
        clauses.append(f"created < {scope.upper}")
    return " AND ".join([*clauses, *conditions(scope.policy.selection)])


def conditions(selection: Selection) -> list[str]:
    """The conditions of a selection besides the project."""
    query = condition_of(selection.jql)
    is_held = " OR ".join(f"cf[{field_id.removeprefix(CUSTOM)}] is not EMPTY" for field_id in selection.holding)
    return [
        *([f"updated >= {selection.updated_from}"] if selection.updated_from else []),
        *(f"({condition})" for condition in (query, is_held) if condition),
    ]


def by_creation(scope: Scope) -> str:
    """The query of a scope's issues, oldest first."""
    return f"{_in_scope(scope)} {_BY_CREATION}"


def _walk() -> Walk:
    """The catalogue's walk of issues."""
    walk = entity("issue").walk
    if walk is None:
        raise LookupError("issues have no walk")
    return walk


def whole_issues(scope: Scope) -> dict[str, str | int | Sequence[str | int]]:
    """Parameters that ask for the fields of the policy and for the newest histories."""
    return {"fields": ",".join(scope.policy.requested()), "expand": "changelog"}


def page(site: CloudSession, scope: Scope, place: Place, size: int) -> Page | Finding:
    """A page of whole issues, oldest first."""
    params = {"jql": by_creation(scope), **whole_issues(scope)}
    walk = _walk()
    path = path_of(walk.path)
    return attempt(lambda: fetch(site, walk, place, path=path, params=params, size=size), names_object=False)


def count(site: CloudSession, scope: Scope) -> int | None:
    """Jira's own count of a scope; None where it refuses the query, doesn't count, or fails while the site is well."""
    return count_of(site, _in_scope(scope))


def count_all(site: CloudSession) -> int | None:
    """Jira's own count of all issues in sight, likewise."""
    return count_of(site, EVERYTHING)


def count_of(site: CloudSession, query: str) -> int | None:
    """Jira's own count of a query's issues, likewise."""

    def ask() -> Json:
        return find(site.post(path_of("search/approximate-count"), {"jql": query}).body, "count")

    total = persist(lambda: attempt(ask, names_object=False), site.diagnose)
    return total if isinstance(total, int) and not isinstance(total, bool) and total >= 0 else None


def first_created(site: CloudSession, scope: Scope) -> int:
    """Creation of the oldest issue of a scope, epoch milliseconds; 0 where there is none."""
    query: dict[str, str | int] = {
        "jql": f"{_in_scope(scope)} ORDER BY created ASC",
        "fields": "created",
        "maxResults": 1,
    }
    path = path_of("search/jql")
    issues = list_in(site.get(path, query).body, "issues", path)
    moment = _moment(issues[0], "created") if issues else None
    return int(moment.timestamp() * 1000) if moment else 0


def changed_since(site: CloudSession, moment: int, token: str | None, selection: Selection) -> Iterator[IdPage]:
    """Ids and `updated` of changed issues, oldest first, from a moment on. Raises a JiraFailure, TokenExpired among them.

    All changes are listed, since an issue may have left the selection by its change; a second list tells them apart.
    Where Jira refuses that one, none is outside: a read by id decides.
    """
    query = f"updated >= {moment}"
    if selection.is_everything:
        yield from _ids(site, f"{query} {_BY_CREATION}", fields="updated", token=token)
        return
    selected_query = " AND ".join([query, *conditions(selection)])
    listed_ids = attempt(lambda: _selected_ids(site, selected_query), names_object=False)
    for page in _pages(site, f"{query} {_BY_CREATION}", fields="updated,project", token=token):
        bodies = {str(find(body, "id")): body for body in map(whole, page.items)}
        outside_ids = frozenset(
            issue_id
            for issue_id, body in bodies.items()
            if not takes(selection, body) or (isinstance(listed_ids, frozenset) and issue_id not in listed_ids)
        )
        yield replace(_id_page(page), outside_ids=outside_ids)


def takes(selection: Selection, issue: Json) -> bool:
    """Whether a selection takes an issue's project; an issue without one is taken."""
    project_id, key = find(issue, "fields.project.id"), find(issue, "fields.project.key")
    return project_id is None or selection.takes_project(str(project_id), key if isinstance(key, str) else None)


def _selected_ids(site: CloudSession, query: str) -> frozenset[str]:
    pages = _ids(site, f"{query} {_BY_CREATION}", fields="id")
    return frozenset(issue_id for page in pages for issue_id in page.issues)


def ids(site: CloudSession, scope: Scope, *, newest_first: bool) -> Iterator[IdPage]:
    """Ids and `updated` of a scope's issues, by creation. Raises a JiraFailure."""
    query = f"{_in_scope(scope)} {_NEWEST_FIRST}" if newest_first else by_creation(scope)
    return _ids(site, query, fields="updated")


def id_page(site: CloudSession, scope: Scope, place: Place) -> Page | Finding:
    """A page of a scope's ids alone, oldest first: as many as Jira sends in one page."""
    walk = _walk()
    params = {"jql": by_creation(scope), "fields": "id"}
    path = path_of(walk.path)
    return attempt(lambda: fetch(site, walk, place, path=path, params=params, size=_ID_PAGE), names_object=False)


def _ids(site: CloudSession, query: str, *, fields: str, token: str | None = None) -> Iterator[IdPage]:
    yield from map(_id_page, _pages(site, query, fields=fields, token=token))


def _pages(site: CloudSession, query: str, *, fields: str, token: str | None) -> Iterator[Page]:
    walk = _walk()
    params = {"jql": query, "fields": fields}

    def fetch_ids(place: Place) -> Page:
        return fetch(site, walk, place, path=path_of(walk.path), params=params, size=_ID_PAGE)

    for outcome in follow(fetch_ids, Place(token=token)):
        yield require(outcome)


def _id_page(id_page: Page) -> IdPage:
    bodies = [whole(item) for item in id_page.items]
    return IdPage(
        issues={str(find(body, "id")): _moment(body, "updated") for body in bodies},
        token=id_page.next.token if id_page.next else None,
        sent_at=id_page.sent_at,
        site_time=id_page.site_time,
    )


def _moment(issue: Json, field: str) -> datetime | None:
    """A time of an issue; None for an absent and an unreadable one."""
    value = find(issue, f"fields.{field}")
    try:
        return to_moment(value) if value else None
    except ValueError:
        return None
