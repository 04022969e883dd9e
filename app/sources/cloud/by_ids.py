"""Whole issues by their ids, as they are now.

Jira refuses a whole query for one id that isn't there or can't be seen (`A value with ID '…' does not exist`). A refusal
is therefore no failure: the ids that its text quotes are left out and the rest is asked for again; where it quotes none,
the ids are halved until the one is found. Ids that the search doesn't return are read directly, since a direct read
knows no index.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app import clock
from app.catalog.json_value import Json, find
from app.conditions import Code
from app.errors import JiraNonsense, JiraRejected
from app.sources.answers import IssueRead
from app.sources.cloud.pages import list_in, next_token
from app.sources.cloud.rest import path_of
from app.sources.outcomes import Broken, Gone, NotForUs, NotOffered, attempt, require
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


def read(site: CloudSession, issue_ids: Sequence[str], policy: FieldPolicy, deletion_ids: Collection[str]) -> IssueRead:
    """Read issues, 50 a search; `deletion_ids` and absent ones directly. Raises a JiraFailure."""
    issue_read = IssueRead(clock.now())
    absent = [issue_id for issue_id in issue_ids if issue_id in deletion_ids]
    searchable = [issue_id for issue_id in issue_ids if issue_id not in deletion_ids]
    for start in range(0, len(searchable), READ_BATCH):
        result = search(site, searchable[start : start + READ_BATCH], policy)
        issue_read.bodies += result.bodies
        absent += result.absent
    for issue_id in absent:
        outcome = _direct_read(site, issue_id, policy)
        if isinstance(outcome, NotOffered | NotForUs | Gone | Broken):
            issue_read.gone_ids.add(issue_id)
        else:
            issue_read.bodies.append(outcome)
            issue_read.unsearchable.add(issue_id)
    return issue_read


def _direct_read(site: CloudSession, issue_id: str, policy: FieldPolicy) -> Json | Finding:
    params = {"fields": ",".join(policy.requested()), "expand": "changelog"}

    def ask() -> Json:
        path = path_of("issue/{id}", id=issue_id)
        body = site.get(path, params).body
        if not find(body, "id"):
            raise JiraNonsense(Code.OBJECT_MISSING, path=path)
        return body

    return attempt(ask)


def search(site: CloudSession, issue_ids: Sequence[str], policy: FieldPolicy) -> SearchedIssues:
    """At most 50 issues, their own latest writes in sight. Raises a JiraFailure."""
    result = SearchedIssues(clock.now())
    if issue_ids:
        result.bodies = _bodies(site, list(issue_ids), policy)
        present = {str(find(body, "id")) for body in result.bodies}
        result.absent = [issue_id for issue_id in issue_ids if issue_id not in present]
    return result


def _bodies(site: CloudSession, issue_ids: list[str], policy: FieldPolicy) -> list[Json]:
    try:
        return _walk(site, issue_ids, policy)
    except JiraRejected as refusal:
        remaining_ids = [issue_id for issue_id in issue_ids if issue_id not in refusal.quoted_ids]
        if len(remaining_ids) < len(issue_ids):
            return _bodies(site, remaining_ids, policy) if remaining_ids else []
        if len(issue_ids) == 1:
            return []
        middle = len(issue_ids) // 2
        return _bodies(site, issue_ids[:middle], policy) + _bodies(site, issue_ids[middle:], policy)


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
