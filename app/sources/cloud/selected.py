"""Issues that were read by id, held against the selection of the integration."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from app.catalog.conversion import to_moment
from app.catalog.json_value import Json, find
from app.errors import JiraRejected
from app.sources.cloud import issues
from app.sources.cloud.pages import list_in, next_token
from app.sources.cloud.rest import path_of
from app.sources.outcomes import Broken, Gone, NotForUs, NotOffered, attempt, persist, require
from app.sources.paging import READ_BATCH, Page, Place, follow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msgspec import Raw

    from app.catalog.selection import Selection
    from app.sources.answers import IssueRead
    from app.sources.cloud.rest import CloudSession
    from app.sources.outcomes import Finding


_ID = re.compile(r"[0-9]{1,18}", re.ASCII)


def keep_selected(site: CloudSession, issue_read: IssueRead, selection: Selection) -> None:
    """Move the issues outside a selection from the bodies to `outside_ids`. Raises a JiraFailure.

    Where Jira refuses the query, nobody can tell: the issues in question become unreadable.
    """
    bodies = {str(find(body, "id")): body for body in issue_read.bodies}
    inside_ids = {issue_id for issue_id, body in bodies.items() if _may_be_selected(body, selection)}
    # An id that is no number can't be asked for; its issue is left to the parser.
    candidates = [issue_id for issue_id in bodies if issue_id in inside_ids and _ID.fullmatch(issue_id)]
    if selection.jql:
        for start in range(0, len(candidates), READ_BATCH):
            batch = candidates[start : start + READ_BATCH]
            outcome = persist(lambda ids=batch: attempt(lambda: _matching(site, ids, selection)), site.diagnose)  # type: ignore[misc]  # mypy sees a parameter
            if isinstance(outcome, set):
                inside_ids -= {*batch} - outcome
            else:
                inside_ids -= {*batch}
                issue_read.unreadable |= dict.fromkeys(batch, _of_part(outcome))
    issue_read.outside_ids = bodies.keys() - inside_ids - issue_read.unreadable.keys()
    issue_read.bodies = [body for issue_id, body in bodies.items() if issue_id in inside_ids]
    issue_read.unsearchable &= inside_ids


def _of_part(finding: Finding) -> NotOffered | NotForUs | Broken:
    return NotOffered(finding.failure) if isinstance(finding, Gone) else finding


def _may_be_selected(body: Json, selection: Selection) -> bool:
    """Whether the issue itself doesn't speak against it: by its project and its last change."""
    if not issues.takes(selection, body):
        return False
    last_change = find(body, "fields.updated")
    try:
        moment = to_moment(last_change) if last_change else None
    except ValueError:
        return True
    return moment is None or moment.timestamp() * 1000 >= selection.updated_from


def _matching(site: CloudSession, issue_ids: Sequence[str], selection: Selection) -> set[str]:
    """The ids of at most 50 issues that fit the query, their own latest writes in sight. Raises a JiraFailure."""
    try:
        return _search(site, issue_ids, selection)
    except JiraRejected as refusal:
        remaining_ids = [issue_id for issue_id in issue_ids if issue_id not in refusal.quoted_ids]
        if len(remaining_ids) == len(issue_ids):
            raise
        return _matching(site, remaining_ids, selection) if remaining_ids else set()


def _search(site: CloudSession, issue_ids: Sequence[str], selection: Selection) -> set[str]:
    conditions = [f"id in ({', '.join(issue_ids)})", *issues.conditions(selection)]
    query: dict[str, Json] = {
        "jql": f"{' AND '.join(conditions)} ORDER BY created ASC",
        "fields": ["id"],
        "maxResults": READ_BATCH,
        "reconcileIssues": [int(issue_id) for issue_id in issue_ids],
    }

    def fetch(place: Place) -> Page:
        path = path_of("search/jql")
        answer = site.post(path, {**query, "nextPageToken": place.token} if place.token else query)
        items: list[Json | Raw] = [*list_in(answer.body, "issues", path)]
        return Page(items, next_token(place, answer.body), None, answer.sent_at)

    pages = (require(outcome) for outcome in follow(fetch))
    return {str(find(item, "id")) for page in pages for item in page.items}  # type: ignore[arg-type]  # parsed, as in `by_ids`
