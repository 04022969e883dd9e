"""Sweeps over ids: every night the changes of the last 26 hours, every week all issues.

A sweep reads only ids and `updated`, and each issue costs one of Jira's points. The weekly one is therefore spread over
the hours of the week, and a site of any size takes at most `MOST_AN_HOUR` of them. Issues that are missing here are read,
and so are issues with another `updated`, be it an older one (`poll.differing`). Stored issues that the sweep doesn't see
become absences, nothing more.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from app import clock, logs
from app.catalog.language import OPEN_END
from app.conditions import Code, Condition
from app.ingest.drift import poll, stored_issues
from app.ingest.planning import inbox, site_clock
from app.ingest.writing import absences, project_access, unreadable
from app.ingest.writing.unreadable import Part
from app.integrations import ledger
from app.integrations.model import State
from app.sources import Scope, persist
from app.sources.outcomes import attempt
from app.store import cursors

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from uuid import UUID

    from app.catalog.field_policy import FieldPolicy
    from app.sources import Source
    from app.store.cursors import Cursor
    from app.store.session import Store

log = logs.get(__name__)

RECENT = timedelta(hours=26)
"""Span of the nightly sweep: a day, and two hours for a lagging index or a late night."""
_INDEX_LAG = timedelta(minutes=15)
"""Age below which an issue may not be indexed yet; younger ones are never reported absent."""
WEEK = timedelta(days=7)


class SweepResult(NamedTuple):
    """Figures of a sweep."""

    looked: int
    asked: int
    """Issues with a difference; they are read again."""
    missed: int
    """Stored issues that the sweep did not see."""
    unreadable: int = 0
    """Issues that are not stored, because they can't be had."""
    left: int = 0
    """Stored issues that the selection doesn't take any more; they were buried."""


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
            selection = stored_issues.policy_of(session).selection
        start = clock.now()
        for page in source.changed_since(_ms(start + skew - RECENT), selection=selection):
            seen_ids |= page.issues.keys()
            with store.bound_to(tenant_id) as session:
                reread_count += poll.keep_page(session, page, origin=inbox.SWEEP)
                cursors.move(session, cursor)
        with store.bound_to(tenant_id) as session:
            stored_ids = stored_issues.changed_between(session, clock.now() - RECENT, start - _INDEX_LAG, skew)
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
            policy = stored_issues.policy_of(session)
            projects, budget = (
                stored_issues.open_projects(session, policy.selection),
                stored_issues.hourly_budget(session),
            )
            if not cursor.scope_id:
                cursors.move(session, cursor, began=_ms(clock.now()))
        result = _sweep_on(
            store,
            source,
            tenant_id,
            cursor,
            [Scope(project_id, policy=policy) for project_id in projects if project_id >= cursor.scope_id],
            budget,
        )
    finally:
        _give_back(store, tenant_id, cursor)
    log.info("sweep of ids", tenant_id=str(tenant_id), **result._asdict())
    return Condition(Code.IDS_SWEPT, ids=result.looked, reread=result.asked, missed=result.missed)


def _sweep_on(
    store: Store, source: Source, tenant_id: UUID, cursor: Cursor, projects: Sequence[Scope], budget: int
) -> SweepResult:
    """Continue through the projects until so many ids are compared; the cursor moves with each part."""
    sums = SweepResult(0, 0, 0)
    lower = cursor.reached if projects and projects[0].project_id == cursor.scope_id else 0
    project_ids = [scope.project_id for scope in projects]
    for whole_project, next_project in zip(projects, [*project_ids[1:], ""], strict=True):
        project, upper = whole_project.project_id, lower
        while upper != OPEN_END:
            if sums.looked >= budget:
                return sums
            with store.bound_to(tenant_id) as session:
                upper = stored_issues.range_end(session, project, lower, budget)
            sweep = sweep_range(store, source, tenant_id, replace(whole_project, lower=lower, upper=upper))
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
        stored_ids = stored_issues.created_between(session, scope.project_id, scope.lower, scope.upper)
    outside_ids = leave(store, source, tenant_id, stored_ids - seen_ids, scope.policy)
    stored_ids -= outside_ids
    with store.bound_to(tenant_id) as session:
        absences.seen_again(session, sorted(seen_ids & stored_ids))
        # What differs, or was moved here from another project.
        reread_count = inbox.ask(session, sorted(stale_ids | (seen_ids - stored_ids)), origin=inbox.SWEEP)
        unreadable_count = len(unreadable.objects_of(session, "issue", seen_ids - stored_ids))
        fresh = stored_issues.read_since(session, stored_ids - seen_ids, start - _INDEX_LAG)
    missed_count = _miss(store, source, tenant_id, stored_ids - seen_ids - fresh)
    return Sweep(
        SweepResult(len(seen_ids), reread_count, missed_count, unreadable_count, len(outside_ids)), frozenset(seen_ids)
    )


def leave(store: Store, source: Source, tenant_id: UUID, issue_ids: Collection[str], policy: FieldPolicy) -> set[str]:
    """Bury those of some unlisted issues that are there, outside the selection. Returns them. Raises a JiraFailure.

    A list that ended early is no proof: each issue is read, and held against the selection alone.
    """
    if not issue_ids or policy.selection.is_everything:
        return set()
    outside_ids = source.by_ids(sorted(issue_ids), policy).outside_ids
    with store.bound_to(tenant_id) as session:
        absences.bury_outside(session, outside_ids)
    return outside_ids


def _miss(store: Store, source: Source, tenant_id: UUID, issues: Collection[str]) -> int:
    """Record issues as absent, or as lost with their project where it is out of sight."""
    if not issues:
        return 0
    with store.bound_to(tenant_id) as session:
        by_project = stored_issues.by_project(session, issues)
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
