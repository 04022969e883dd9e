"""Overview of one site's data for people: newest issues, issues by project, a single issue.

Everything reads in a session bound to the tenant and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on

from app.catalog.registry import entity
from app.ingest.planning.inbox import WEBHOOK
from app.ingest.status.progress import Progress
from app.ingest.writing import project_access
from app.store.schema import CHUNKS, COMPLETENESS, INBOX
from app.store.sync_tables import TALLIES
from app.store.tables import is_live, table_of

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Row

    from app.store.session import Session

_NEWEST = 10
_MOST_PROJECTS = 500


@dataclass(frozen=True)
class IssueLine:
    """One stored issue; moments are UTC."""

    key: str
    summary: str | None
    type: str | None
    status: str | None
    updated: datetime | None
    """Last change by Jira's account."""
    read_at: datetime
    """Time of the request that brought it."""
    deleted_at: datetime | None


@dataclass(frozen=True)
class ProjectLine:
    """One project: stored issues, Jira's count at the last verification, and its time."""

    key: str
    name: str
    stored: int
    expected: int | None
    is_complete: bool | None
    verified_at: datetime | None
    newest: datetime | None
    is_frozen: bool
    """The app may no longer browse it: the stored rows stay as they were."""


def newest_issues(session: Session) -> list[IssueLine]:
    """The issues that changed here last, newest first."""
    issues = table_of(entity("issue"))
    rows = session.execute(
        _issue_line().where(is_live(entity("issue"))).order_by(issues.c.version.desc()).limit(_NEWEST)
    )
    return [_line(row) for row in rows]


def find_issue(session: Session, key: str) -> IssueLine | None:
    """The stored issue of a key, deleted or not; None where it is not stored."""
    issues = table_of(entity("issue"))
    row = session.execute(_issue_line().where(issues.c.key == key).limit(1)).one_or_none()
    return None if row is None else _line(row)


def _line(row: Any) -> IssueLine:  # noqa: ANN401 - a row of the select below
    return IssueLine(*row)


def _issue_line() -> Any:  # noqa: ANN401 - a select over columns that are made from the catalog
    columns = table_of(entity("issue")).c
    return select(
        columns.key,
        columns.summary,
        columns.issue_type_name,
        columns.status_name,
        columns.updated,
        columns.read_at,
        columns.deleted_at,
    )


def projects(session: Session) -> list[ProjectLine]:
    """Every live project by key with its issues, those of the newest verification beside them; 500 at most."""
    table, issues = table_of(entity("project")), table_of(entity("issue"))
    counts = (
        select(issues.c.project_id, func.count().label("stored"), func.max(issues.c.updated).label("newest"))
        .where(is_live(entity("issue")))
        .group_by(issues.c.project_id)
        .subquery()
    )
    rows = session.execute(
        select(table.c.id, table.c.key, table.c.name, counts.c.stored, counts.c.newest)
        .outerjoin(counts, counts.c.project_id == table.c.id)
        .where(is_live(entity("project")))
        .order_by(table.c.key)
        .limit(_MOST_PROJECTS)
    ).all()
    findings, frozen_projects = _verified_projects(session), project_access.frozen(session)
    return [_project_line(row, findings.get(row.id), is_frozen=row.id in frozen_projects) for row in rows]


def _verified_projects(session: Session) -> dict[str, Row[Any]]:
    """The newest finding about the issues of each project, by project id."""
    rows = session.execute(
        select(COMPLETENESS)
        .ext(distinct_on(COMPLETENESS.c.scope_id))
        .where(COMPLETENESS.c.entity == "issue")
        .order_by(COMPLETENESS.c.scope_id, COMPLETENESS.c.verified_at.desc())
    )
    return {row.scope_id: row for row in rows}


def _project_line(row: Row[Any], finding: Row[Any] | None, *, is_frozen: bool) -> ProjectLine:
    return ProjectLine(
        key=row.key or row.id,
        name=row.name or "",
        stored=row.stored or 0,
        expected=finding.expected if finding else None,
        is_complete=finding.is_complete if finding else None,
        verified_at=finding.verified_at if finding else None,
        newest=row.newest,
        is_frozen=is_frozen,
    )


def person(session: Session, account_id: str | None) -> str | None:
    """A person's name, from the stored data."""
    people = table_of(entity("user"))
    query = select(people.c.display_name).where(people.c.id == account_id, people.c.deleted_at.is_(None))
    name: str | None = session.execute(query).scalar_one_or_none() if account_id else None
    return name


def last_event(session: Session) -> datetime | None:
    """Arrival of the newest webhook in the inbox."""
    query = select(func.max(INBOX.c.received_at)).where(INBOX.c.origin == WEBHOOK)
    moment: datetime | None = session.execute(query).scalar_one()
    return moment


def issues_so_far(session: Session) -> Progress:
    """Progress of the issues, cheaply: for a line in a list of many sites."""
    stored_count = session.execute(select(TALLIES.c.live).where(TALLIES.c.entity == "issue")).scalar_one_or_none()
    expected_count = session.execute(select(func.sum(CHUNKS.c.expected)).where(CHUNKS.c.entity == "issue")).scalar_one()
    expected = None if expected_count is None else int(expected_count)
    return Progress("issue", max(0, stored_count or 0), expected, None)
