"""Sweeps over ids: every night the changes of the last 26 hours, every week all issues.

A sweep reads only ids and `updated`, and each issue costs one of Jira's points. The weekly one is therefore spread over
the hours of the week, and a site of any size takes at most `MOST_AN_HOUR` of them. Issues that are missing here are read,
and so are issues with another `updated`, be it an older one (`poll.differing`). Stored issues that the sweep doesn't see
become absences, nothing more.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, select

from app import clock, logs
from app.catalog.conversion import to_moment
from app.catalog.language import OPEN_END
from app.catalog.registry import entity
from app.conditions import Code, Condition
from app.ingest.drift import poll
from app.ingest.planning import inbox, site_clock
from app.ingest.writing import absences, project_access, unreadable
from app.ingest.writing.unreadable import Part
from app.integrations import ledger
from app.integrations.model import State
from app.sources import Scope, persist
from app.sources.outcomes import attempt
from app.store import cursors
from app.store.tables import is_live, table_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from uuid import UUID

    from sqlalchemy import ColumnElement

    from app.sources import Source
    from app.store.cursors import Cursor
    from app.store.session import Session, Store

log = logs.get(__name__)

RECENT = timedelta(hours=26)
"""Span of the nightly sweep: a day, and two hours for a lagging index or a late night."""
_INDEX_LAG = timedelta(minutes=15)
"""Age below which an issue may not be indexed yet; younger ones are never reported absent."""
WEEK, HOURS = timedelta(days=7), 7 * 24
MOST_AN_HOUR, LEAST_AN_HOUR = 5000, 200
"""Ids of a site in one hour: one page of Jira's at most, 8 % of the points of the smallest tier."""
_MINUTE_MS = 60_000


class SweepResult(NamedTuple):
    """Figures of a sweep."""

    looked: int
    asked: int
    """Issues with a difference; they are read again."""
    missed: int
    """Stored issues that the sweep did not see."""
    unreadable: int = 0
    """Issues that are not stored, because they can't be had."""


class Sweep(NamedTuple):
    """A sweep of one scope: its figures, and the ids that the site listed."""

    figures: SweepResult
    listed_ids: frozenset[str]


def sweep_recent(store: Store, source: Source, tenant_id: UUID) -> Condition | None:
    """Compare the changes of the last 26 hours. Returns a summary; raises a JiraFailure."""
    cursor = _take(store, tenant_id, "recent")
    if cursor is None:
        return None
    try:
        seen_ids: set[str] = set()
        reread_count = 0
        with store.bound_to(tenant_id) as session:
            skew = site_clock.skew(session) or timedelta()
        start = clock.now()
        for page in source.changed_since(_ms(start + skew - RECENT)):
            seen_ids |= page.issues.keys()
            with store.bound_to(tenant_id) as session:
                reread_count += poll.keep_page(session, page, origin=inbox.SWEEP)
                cursors.move(session, cursor)
        with store.bound_to(tenant_id) as session:
            stored_ids = _changed_between(session, clock.now() - RECENT, start - _INDEX_LAG, skew)
        missed_count = _miss(store, source, tenant_id, stored_ids - seen_ids)
        with store.bound_to(tenant_id) as session:
            cursors.move(session, cursor, ended_at=clock.now())
    finally:
        _give_back(store, tenant_id, cursor)
    log.info("sweep of a day", tenant_id=str(tenant_id), looked=len(seen_ids), asked=reread_count, missed=missed_count)
    return Condition(Code.DAY_SWEPT, issues=len(seen_ids), reread=reread_count, missed=missed_count)


def sweep_ids(store: Store, source: Source, tenant_id: UUID) -> Condition | None:
    """Compare the next part of all ids, an hour's worth, all of them in a week. Raises a JiraFailure."""
    cursor = _take(store, tenant_id, "ids")
    if cursor is None:
        return None
    try:
        if not cursor.scope_id and cursor.began is not None and _ms(clock.now() - WEEK) < cursor.began:
            return None
        with store.bound_to(tenant_id) as session:
            projects, budget = _open_projects(session), _budget(session)
            if not cursor.scope_id:
                cursors.move(session, cursor, began=_ms(clock.now()))
        result = _sweep_on(
            store,
            source,
            tenant_id,
            cursor,
            [project_id for project_id in projects if project_id >= cursor.scope_id],
            budget,
        )
    finally:
        _give_back(store, tenant_id, cursor)
    log.info("sweep of ids", tenant_id=str(tenant_id), **result._asdict())
    return Condition(Code.IDS_SWEPT, ids=result.looked, reread=result.asked, missed=result.missed)


def _sweep_on(
    store: Store, source: Source, tenant_id: UUID, cursor: Cursor, projects: Sequence[str], budget: int
) -> SweepResult:
    """Continue through the projects until so many ids are compared; the cursor moves with each part."""
    sums = SweepResult(0, 0, 0, 0)
    lower = cursor.reached if projects and projects[0] == cursor.scope_id else 0
    for project, next_project in zip(projects, [*projects[1:], ""], strict=True):
        upper = lower
        while upper != OPEN_END:
            if sums.looked >= budget:
                return sums
            with store.bound_to(tenant_id) as session:
                upper = _upper(session, project, lower, budget)
            sweep = sweep_range(store, source, tenant_id, Scope(project, lower, upper))
            if sweep is None:
                upper = OPEN_END
            else:
                sums = SweepResult(*(total + part for total, part in zip(sums, sweep.figures, strict=True)))
            lower = 0 if upper == OPEN_END else upper
            with store.bound_to(tenant_id) as session:
                cursors.move(session, cursor, scope_id=next_project if upper == OPEN_END else project, reached=lower)
    with store.bound_to(tenant_id) as session:
        cursors.move(session, cursor, scope_id="", reached=0, ended_at=clock.now())
    return sums


def sweep_range(
    store: Store, source: Source, tenant_id: UUID, scope: Scope, *, newest_first: bool = False
) -> Sweep | None:
    """Compare the ids of a scope's issues. Raises a JiraFailure.

    A project with a search that fails while the site is well is set aside. Returns None then.
    """
    start = clock.now()
    pages = persist(
        lambda: attempt(lambda: [*source.ids(scope, newest_first=newest_first)], names_object=False), source.diagnose
    )
    if not isinstance(pages, list):
        with store.bound_to(tenant_id) as session:
            unreadable.set_aside(session, Part("issue", scope.project_id), pages)
        return None
    seen_ids: set[str] = set()
    stale_ids: set[str] = set()
    for page in pages:
        seen_ids |= page.issues.keys()
        with store.bound_to(tenant_id) as session:
            stale_ids |= set(poll.differing(session, page))
    with store.bound_to(tenant_id) as session:
        stored_ids = _created_between(session, scope.project_id, scope.lower, scope.upper)
        absences.seen_again(session, sorted(seen_ids & stored_ids))
        # What differs, or was moved here from another project.
        reread_count = inbox.ask(session, sorted(stale_ids | (seen_ids - stored_ids)), origin=inbox.SWEEP)
        unreadable_count = len(unreadable.objects_of(session, "issue", seen_ids - stored_ids))
        fresh = _read_since(session, stored_ids - seen_ids, start - _INDEX_LAG)
    missed_count = _miss(store, source, tenant_id, stored_ids - seen_ids - fresh)
    return Sweep(SweepResult(len(seen_ids), reread_count, missed_count, unreadable_count), frozenset(seen_ids))


def _miss(store: Store, source: Source, tenant_id: UUID, issues: Collection[str]) -> int:
    """Record issues as absent, or as lost with their project where it is out of sight."""
    if not issues:
        return 0
    with store.bound_to(tenant_id) as session:
        by_project = _by_project(session, issues)
    hidden_ids = project_access.check_visibility(store, source, tenant_id, by_project).hidden_ids
    with store.bound_to(tenant_id) as session:
        missed_count = 0
        for project_id, members in by_project.items():
            if project_id in hidden_ids:
                evidence = Condition(Code.PROJECT_HIDDEN)
                absences.settle(session, members, absences.PERMISSION_LOST, evidence=evidence)
            else:
                missed_count += absences.miss(session, members)
    return missed_count


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _take(store: Store, tenant_id: UUID, name: str) -> Cursor | None:
    with store.bound_to(tenant_id) as session:
        integration = ledger.of_tenant(session)
        if integration is None or not integration.is_served or integration.state is State.BACKFILLING:
            return None
        return cursors.take(session, name)


def _give_back(store: Store, tenant_id: UUID, cursor: Cursor) -> None:
    with store.bound_to(tenant_id) as session:
        cursors.give_back(session, cursor)


def _open_projects(session: Session) -> list[str]:
    """The projects with searchable issues, in the order of the sweep."""
    project = table_of(entity("project"))
    is_closed = project.c.is_archived | project.c.is_deleted
    query = select(project.c.id).where(is_live(entity("project")), func.coalesce(is_closed, False).is_(False))
    frozen_projects = project_access.frozen(session)
    return sorted(project_id for project_id in session.execute(query).scalars() if project_id not in frozen_projects)


def _budget(session: Session) -> int:
    """Ids of this hour: a week's share of all, within bounds."""
    issue = table_of(entity("issue"))
    live = int(
        session.execute(select(func.count()).select_from(issue).where(issue.c.deleted_at.is_(None))).scalar_one()
    )
    return max(LEAST_AN_HOUR, min(MOST_AN_HOUR, -(-live * 11 // (HOURS * 10))))


def _upper(session: Session, project_id: str, lower: int, budget: int) -> int:
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
    upper = int(boundary.timestamp() * 1000) // _MINUTE_MS * _MINUTE_MS
    return upper if upper > lower else upper + _MINUTE_MS


def _created_between(session: Session, project_id: str, lower: int, upper: int) -> set[str]:
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


def _changed_between(session: Session, lower: datetime, upper: datetime, skew: timedelta) -> set[str]:
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


def _read_since(session: Session, issues: Collection[str], moment: datetime) -> set[str]:
    """The issues that were read, or created, since a moment."""
    issue = table_of(entity("issue"))
    is_young = (issue.c.read_at >= moment) | (issue.c.created >= moment)
    return set(session.execute(select(issue.c.id).where(issue.c.id.in_(list(issues)), is_young)).scalars())


def _by_project(session: Session, issues: Collection[str]) -> dict[str, list[str]]:
    issue = table_of(entity("issue"))
    issues_of: dict[str, list[str]] = {}
    query = select(issue.c.id, issue.c.project_id).where(issue.c.id.in_(list(issues)), issue.c.deleted_at.is_(None))
    for row in session.execute(query):
        issues_of.setdefault(row.project_id or "", []).append(row.id)
    return issues_of
