"""Walks a search for what little says whether an issue is here as it is there: its id and when it was last changed.

The guards are those of every token walk: a repeated token and a run of empty pages are failures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from app.catalog.extract import to_moment
from app.catalog.json_value import find
from app.catalog.registry import entity
from app.errors import WalkAstray
from app.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from app.catalog.json_value import Json
    from app.jira.client import Site
    from app.store.session import Session

_PAGE = 5000
"""Jira sends as many where only ids are asked for, and as many as it likes where fields are."""
_MOST_EMPTY, _MOST_PAGES = 3, 20_000
_SEARCH = "/rest/api/3/search/jql"


@dataclass(frozen=True)
class Page:
    """A page of issues' ids with their last change (None where it was not asked for)."""

    issues: Mapping[str, datetime | None]
    token: str | None
    """Of the next page; None at the end."""
    sent_at: datetime
    site_time: datetime
    """What time the site had; ours where it did not say."""


def pages(site: Site, jql: str, *, token: str | None = None, fields: str = "updated") -> Iterator[Page]:
    """Every page of a search from a token on. Raises a JiraFailure, TokenExpired among them."""
    seen: set[str] = set()
    empty = 0
    for _ in range(_MOST_PAGES):
        asked: dict[str, str | int] = {"jql": jql, "fields": fields, "maxResults": _PAGE}
        answer = site.get(_SEARCH, {**asked, "nextPageToken": token} if token else asked)
        found = find(answer.body, "issues")
        issues = {str(find(each, "id")): _updated(each) for each in found} if isinstance(found, list) else {}
        following = find(answer.body, "nextPageToken")
        token = str(following) if following and find(answer.body, "isLast") is not True else None
        empty = 0 if issues else empty + 1
        if token is not None and (token in seen or empty > _MOST_EMPTY):
            raise WalkAstray("Jira repeated a page token." if token in seen else "Jira keeps sending empty pages.")
        yield Page(issues, token, answer.sent_at, answer.site_time or answer.sent_at)
        if token is None:
            return
        seen.add(token)
    raise WalkAstray("Jira does not end the search.")


def _updated(issue: Json) -> datetime | None:
    value = find(issue, "fields.updated")
    try:
        return to_moment(value) if value else None
    except ValueError:
        return None


def stale(session: Session, issues: Mapping[str, datetime | None]) -> list[str]:
    """Those of the issues that are not stored, are stored as gone, or as they were before their last change."""
    table = table_of(entity("issue"))
    query = select(table.c.id, table.c.updated).where(table.c.id.in_(list(issues)), table.c.deleted_at.is_(None))
    stored = {row.id: row.updated for row in session.execute(query)}
    return [
        known
        for known, updated in issues.items()
        if known not in stored or (updated is not None and (stored[known] is None or stored[known] < updated))
    ]
