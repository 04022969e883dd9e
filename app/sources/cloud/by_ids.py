"""Whole issues by their ids, as they are now.

Jira refuses a whole query for one id that isn't there or can't be seen (`A value with ID '…' does not exist`). A refusal
is therefore no failure: the ids that its text quotes are left out and the rest is asked for again; where it quotes none,
the ids are halved until the one is found. A search that fails while the site is well is halved likewise, since one
issue can fail every answer that holds it. Ids that the search doesn't return are read directly, since a direct read
knows no index.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app import clock
from app.catalog.json_value import Json, find
from app.conditions import Code
from app.errors import JiraDown, JiraNonsense, JiraRejected, TokenExpired
from app.sources.answers import IssueRead
from app.sources.cloud import selected
from app.sources.cloud.pages import list_in, next_token
from app.sources.cloud.rest import path_of
from app.sources.outcomes import Broken, Gone, NotForUs, NotOffered, attempt, persist, require
from app.sources.paging import READ_BATCH, Page, Place, follow

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from msgspec import Raw

    from app.catalog.field_policy import FieldPolicy
    from app.sources.cloud.rest import CloudSession
    from app.sources.outcomes import Finding


@dataclass
class SearchedIssues:
    """Objects of one search by ids, and the ids without an object."""

    sent_at: datetime
    bodies: list[Json] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    failures: set[str] = field(default_factory=set)
    """Absent ids that fail every search for them."""


def read(site: CloudSession, issue_ids: Sequence[str], policy: FieldPolicy, deletion_ids: Collection[str]) -> IssueRead:
    """Read issues, 50 a search; `deletion_ids` and absent ones directly. Raises a JiraFailure."""
    issue_read = IssueRead(clock.now())
    absent = [issue_id for issue_id in issue_ids if issue_id in deletion_ids]
    searchable = [issue_id for issue_id in issue_ids if issue_id not in deletion_ids]
    unread_ids: set[str] = set()
    for start in range(0, len(searchable), READ_BATCH):
        result = search(site, searchable[start : start + READ_BATCH], policy)
        issue_read.bodies += result.bodies
        absent += result.absent
        unread_ids |= result.failures
    for issue_id in absent:
        outcome = _direct_read(site, issue_id, policy)
        if isinstance(outcome, Gone):
            issue_read.gone_ids.add(issue_id)
        elif isinstance(outcome, NotOffered | NotForUs | Broken):
            issue_read.unreadable[issue_id] = outcome
        else:
            issue_read.bodies.append(outcome)
            if issue_id not in unread_ids:
                issue_read.unsearchable.add(issue_id)
    if not policy.selection.is_everything:
        selected.keep_selected(site, issue_read, policy.selection)
    return issue_read


def _direct_read(site: CloudSession, issue_id: str, policy: FieldPolicy) -> Json | Finding:
    params = {"fields": ",".join(policy.requested()), "expand": "changelog"}

    def ask() -> Json:
        path = path_of("issue/{id}", id=issue_id)
        body = site.get(path, params).body
        if not find(body, "id"):
            raise JiraNonsense(Code.OBJECT_MISSING, path=path)
        return body

    return persist(lambda: attempt(ask), site.diagnose)


def search(site: CloudSession, issue_ids: Sequence[str], policy: FieldPolicy) -> SearchedIssues:
    """At most 50 issues, their own latest writes in sight. Raises a JiraFailure."""
    result = SearchedIssues(clock.now())
    if issue_ids:
        _search(site, list(issue_ids), policy, result)
        present = {str(find(body, "id")) for body in result.bodies}
        result.absent = [issue_id for issue_id in issue_ids if issue_id not in present]
    return result


def _search(site: CloudSession, issue_ids: list[str], policy: FieldPolicy, result: SearchedIssues) -> None:
    """Add the issues to the result, and those that fail alone."""
    try:
        result.bodies += _walk(site, issue_ids, policy)
    except JiraRejected as refusal:
        remaining_ids = [issue_id for issue_id in issue_ids if issue_id not in refusal.quoted_ids]
        if not remaining_ids:
            return
        if len(remaining_ids) < len(issue_ids):
            _search(site, remaining_ids, policy, result)
        elif len(issue_ids) > 1:
            _search_halves(site, issue_ids, policy, result)
    except (JiraDown, JiraNonsense, TokenExpired) as failure:
        site.diagnose(failure)
        if len(issue_ids) > 1:
            _search_halves(site, issue_ids, policy, result)
        else:
            result.failures |= {*issue_ids}


def _search_halves(site: CloudSession, issue_ids: list[str], policy: FieldPolicy, result: SearchedIssues) -> None:
    middle = len(issue_ids) // 2
    _search(site, issue_ids[:middle], policy, result)
    _search(site, issue_ids[middle:], policy, result)


def _walk(site: CloudSession, issue_ids: list[str], policy: FieldPolicy) -> list[Json]:
    query: dict[str, Json] = {
        "jql": f"id in ({', '.join(issue_ids)}) ORDER BY created ASC",
        "fields": [*policy.requested()],
        "expand": "changelog",
        "maxResults": READ_BATCH,
        "reconcileIssues": [int(issue_id) for issue_id in issue_ids],
    }

    def fetch(place: Place) -> Page:
        path = path_of("search/jql")
        answer = site.post(path, {**query, "nextPageToken": place.token} if place.token else query)
        items: list[Json | Raw] = [*list_in(answer.body, "issues", path)]
        return Page(items, next_token(place, answer.body), None, answer.sent_at)

    bodies: list[Json] = []
    for outcome in follow(fetch):
        bodies += require(outcome).items  # type: ignore[arg-type]  # parsed: only a GET of a page leaves octets
    return bodies
