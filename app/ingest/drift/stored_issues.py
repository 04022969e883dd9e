"""Stored issues, as sweeps compare them with the site's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from app.catalog.conversion import to_moment
from app.catalog.field_policy import FieldPolicy
from app.catalog.language import OPEN_END
from app.catalog.registry import entity
from app.ingest.planning import field_policy
from app.ingest.writing import project_access
from app.integrations import ledger
from app.store.tables import is_live, table_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime, timedelta

    from sqlalchemy import ColumnElement

    from app.catalog.selection import Selection
    from app.store.session import Session

MOST_AN_HOUR, LEAST_AN_HOUR = 5000, 200
"""Ids of a site in one hour: one page of Jira's at most, 8 % of the points of the smallest tier."""
_HOURS = 7 * 24
"""Hours of the week in which a sweep goes through all ids."""
_MINUTE_MS = 60_000


def policy_of(session: Session) -> FieldPolicy:
    """The field policy of the bound tenant; that of no settings without a pairing."""
    integration = ledger.of_tenant(session)
    return FieldPolicy() if integration is None else field_policy.load(session, integration)


def open_projects(session: Session, selection: Selection) -> list[str]:
    """The selected projects with searchable issues, in the order of the sweep."""
    project = table_of(entity("project"))
    is_closed = project.c.is_archived | project.c.is_deleted
    query = select(project.c.id, project.c.key).where(
        is_live(entity("project")), func.coalesce(is_closed, False).is_(False)
    )
    frozen_projects = project_access.frozen(session)
    return sorted(
        row.id
        for row in session.execute(query)
        if row.id not in frozen_projects and selection.takes_project(row.id, row.key)
    )


def hourly_budget(session: Session) -> int:
    """Ids of this hour: a week's share of all, within bounds."""
    issue = table_of(entity("issue"))
    live = int(
        session.execute(select(func.count()).select_from(issue).where(issue.c.deleted_at.is_(None))).scalar_one()
    )
    return max(LEAST_AN_HOUR, min(MOST_AN_HOUR, -(-live * 11 // (_HOURS * 10))))


def range_end(session: Session, project_id: str, lower: int, budget: int) -> int:
    """The end of a range of about so many stored issues, a whole minute; OPEN_END for the project's last range."""
    issue = table_of(entity("issue"))
    at = (
        select(issue.c.created)
        .where(*_is_between(project_id, lower, OPEN_END))
        .order_by(issue.c.created)
        .offset(budget)
        .limit(1)
    )
    boundary = session.execute(at).scalar_one_or_none()
    if boundary is None:
        return OPEN_END
    end = int(boundary.timestamp() * 1000) // _MINUTE_MS * _MINUTE_MS
    return end if end > lower else end + _MINUTE_MS


def created_between(session: Session, project_id: str, lower: int, upper: int) -> set[str]:
    """Stored issues of a project that were created in a range."""
    issue = table_of(entity("issue"))
    return set(session.execute(select(issue.c.id).where(*_is_between(project_id, lower, upper))).scalars())


def _is_between(project_id: str, lower: int, upper: int) -> list[ColumnElement[bool]]:
    issue = table_of(entity("issue"))
    conditions = [issue.c.project_id == project_id, issue.c.deleted_at.is_(None)]
    if lower:
        conditions.append(issue.c.created >= to_moment(lower))
    if upper != OPEN_END:
        conditions.append(issue.c.created < to_moment(upper))
    return conditions


def changed_between(session: Session, lower: datetime, upper: datetime, skew: timedelta) -> set[str]:
    """Stored issues that changed in a span and were not read since its end: younger ones may not be indexed yet.

    `updated` is by the site's clock, which is ahead of ours by `skew`.
    """
    issue = table_of(entity("issue"))
    is_meant = (
        issue.c.updated >= lower + skew,
        issue.c.updated < upper + skew,
        issue.c.read_at < upper,
        issue.c.deleted_at.is_(None),
    )
    return set(session.execute(select(issue.c.id).where(*is_meant)).scalars())


def read_since(session: Session, issues: Collection[str], moment: datetime) -> set[str]:
    """The issues that were read, or created, since a moment."""
    issue = table_of(entity("issue"))
    is_young = (issue.c.read_at >= moment) | (issue.c.created >= moment)
    return set(session.execute(select(issue.c.id).where(issue.c.id.in_(list(issues)), is_young)).scalars())


def by_project(session: Session, issues: Collection[str]) -> dict[str, list[str]]:
    """The stored ones of some issues by project."""
    issue = table_of(entity("issue"))
    issues_of: dict[str, list[str]] = {}
    query = select(issue.c.id, issue.c.project_id).where(issue.c.id.in_(list(issues)), issue.c.deleted_at.is_(None))
    for row in session.execute(query):
        issues_of.setdefault(row.project_id or "", []).append(row.id)
    return issues_of
