"""Findings of a verification: stored rows against the site's own counts, entity by entity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, case, func, select, text

from app.catalog.language import Each, Paging
from app.catalog.registry import all_entities, entity, list_totals, repeated_for, walked
from app.ingest.writing import absences, unreadable
from app.store import poison
from app.store.schema import CHUNKS
from app.store.tables import is_live, table_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from app.ingest.drift.id_sweeps import SweepResult
    from app.store.session import Session

APPROXIMATE_COUNT = "approximate-count"
ID_SWEEP = "id sweep"
LIST_TOTALS = "totals of the issues' own lists"
WALK_TOTALS = "totals of the walks"


@dataclass(frozen=True)
class Finding:
    """Stored rows of an entity in a scope (a project id; empty: the site), and the site's own number."""

    entity: str
    scope_id: str
    stored: int
    expected: int
    method: str
    suspected: int = 0
    """Stored rows that a sweep did not see: they wait for a second check and don't count against the site."""
    unreadable: int = 0
    """Missing rows of parts that can't be had (`writing.unreadable`): each part is a finding of its own."""

    @property
    def difference(self) -> int:
        """Surplus rows, or, below 0, missing ones, apart from those with an explanation."""
        return self.stored - self.suspected + self.unreadable - self.expected

    @property
    def is_complete(self) -> bool:
        """Whether no row is missing and none is left over without an explanation."""
        return self.difference == 0


def stored_by_project(session: Session) -> dict[str, int]:
    """Live issues of the bound tenant by project."""
    issue = table_of(entity("issue"))
    query = select(issue.c.project_id, func.count().label("held")).where(is_live(entity("issue")))
    return {row.project_id: int(row.held) for row in session.execute(query.group_by(issue.c.project_id))}


def issues(
    session: Session, site_counts: Mapping[str, int | None], sweeps: Mapping[str, SweepResult]
) -> Iterator[Finding]:
    """Issues by project: Jira's own count, or after a difference, or without a count, the ids themselves."""
    stored_counts, suspect_counts = stored_by_project(session), absences.open_by_project(session)
    unreadable_projects = set(session.execute(unreadable.scopes_of("issue")).scalars())
    for project_id, site_count in site_counts.items():
        stored_count, suspect_count = stored_counts.get(project_id, 0), suspect_counts.get(project_id, 0)
        sweep = sweeps.get(project_id)
        if sweep is not None:
            # Where rows are missing, the larger number is the safer one: a list can end early, as a walk can.
            is_short = site_count is not None and site_count > stored_count - suspect_count
            expected_count = max(site_count or 0, sweep.looked) if is_short else sweep.looked
            yield Finding("issue", project_id, stored_count, expected_count, ID_SWEEP, suspect_count, sweep.unreadable)
        elif site_count is not None:
            missing_count = site_count - stored_count + suspect_count if project_id in unreadable_projects else 0
            yield Finding(
                "issue", project_id, stored_count, site_count, APPROXIMATE_COUNT, suspect_count, missing_count
            )


def inside_issues(session: Session) -> Iterator[Finding]:
    """Histories, comments, worklogs and attachments by project: each issue carries Jira's own total of its list."""
    # What has just been filled PostgreSQL takes for small, and would look up the rows of each issue by themselves.
    session.execute(text("SET LOCAL enable_nestloop = off"))
    issue = table_of(entity("issue"))
    is_counted = is_live(entity("issue"))
    sums = [func.coalesce(func.sum(issue.c[total]), 0).label(name) for name, total in list_totals().items()]
    totals = session.execute(select(issue.c.project_id, *sums).where(is_counted).group_by(issue.c.project_id)).all()
    for name in list_totals():
        child = table_of(entity(name))
        counts = session.execute(
            select(issue.c.project_id, func.count().label("held"))
            .join(child, child.c.issue_id == issue.c.id)
            .where(is_counted, child.c.deleted_at.is_(None))
            .group_by(issue.c.project_id)
        )
        stored_counts = {row.project_id: int(row.held) for row in counts}
        unreadable_counts = _unreadable_by_project(session, name)
        for row in totals:
            yield Finding(
                name,
                row.project_id or "",
                stored_counts.get(row.project_id, 0),
                int(getattr(row, name)),
                LIST_TOTALS,
                unreadable=unreadable_counts.get(row.project_id, 0),
            )


def _unreadable_by_project(session: Session, name: str) -> dict[str, int]:
    """Rows by project that are missing from the unreadable lists of issues; below 0, rows are left over there."""
    issue, child = table_of(entity("issue")), table_of(entity(name))
    stored_count = (
        select(func.count())
        .where(child.c.issue_id == issue.c.id, child.c.deleted_at.is_(None))
        .correlate(issue)
        .scalar_subquery()
    )
    rows = session.execute(
        select(issue.c.project_id, func.sum(issue.c[list_totals()[name]] - stored_count).label("missing"))
        .where(issue.c.deleted_at.is_(None), issue.c.id.in_(unreadable.scopes_of(name)))
        .group_by(issue.c.project_id)
    )
    return {row.project_id: int(row.missing or 0) for row in rows}


def list_findings(session: Session) -> Iterator[Finding]:
    """Entities that their own list counts: projects, statuses, boards, versions and the like."""
    for row in session.execute(_done_walks()):
        listed_entity = all_entities().get(row.entity)
        if (
            listed_entity is None
            or listed_entity.walk is None
            or listed_entity.name in list_totals()
            or listed_entity.walk.paging is Paging.TOKEN
        ):
            continue
        if listed_entity.walk.is_optional:
            # Boards share sprints, so rows can't be counted by list: the objects that each list sent are.
            stored_count = int(row.seen) - poison.count(session, listed_entity.name)
        else:
            table = table_of(listed_entity)
            query = select(func.count()).select_from(table).where(is_live(listed_entity))
            if row.project_id and listed_entity.walk.scope_column:
                query = query.where(table.c[listed_entity.walk.scope_column] == row.project_id)
            stored_count = int(session.execute(query).scalar_one())
        yield Finding(
            listed_entity.name,
            row.project_id,
            stored_count,
            int(row.expected),
            WALK_TOTALS,
            unreadable=int(row.unreadable),
        )


def _done_walks() -> Select[Any]:
    """Expected rows of the finished walks in live scopes, by entity, and by project for lists of projects."""
    of_projects = [
        listed_entity.name
        for listed_entity in repeated_for("project")
        if listed_entity.walk and listed_entity.walk.paging is not Paging.TOKEN
    ]
    scopes = (
        ("project", of_projects),
        ("board", [listed_entity.name for listed_entity in repeated_for("board")]),
        (
            "issue",
            [listed_entity.name for listed_entity in walked(Each.ISSUE) if listed_entity.name not in list_totals()],
        ),
    )
    is_living = CHUNKS.c.scope_id == ""
    for owner, entities in scopes:
        table = table_of(entity(owner))
        live_scopes = select(table.c.id).where(is_live(entity(owner)))
        is_living |= CHUNKS.c.entity.in_(entities) & CHUNKS.c.scope_id.in_(live_scopes)
    by_project = case((CHUNKS.c.entity.in_(of_projects), CHUNKS.c.scope_id), else_="").label("project_id")
    return (
        select(
            CHUNKS.c.entity,
            by_project,
            func.sum(CHUNKS.c.expected).label("expected"),
            func.sum(CHUNKS.c.seen).label("seen"),
            func.coalesce(func.sum(CHUNKS.c.expected - CHUNKS.c.seen).filter(CHUNKS.c.problem.is_not(None)), 0).label(
                "unreadable"
            ),
        )
        .where(CHUNKS.c.expected.is_not(None), CHUNKS.c.state == "done", is_living)
        .group_by(CHUNKS.c.entity, by_project)
    )
