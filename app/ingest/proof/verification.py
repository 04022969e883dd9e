"""“Verified complete” is a statement with a time and a method: stored rows against the site's own counts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import distinct_on

from app import clock, ids, jobs, logs
from app.catalog.field_policy import FieldPolicy
from app.catalog.registry import all_entities, entity, list_totals
from app.conditions import Code, Condition
from app.ingest.drift import id_sweeps
from app.ingest.planning import field_policy, inbox, tenant_schedule
from app.ingest.proof import counting, state
from app.ingest.writing import absences, project_access, stubs, unreadable
from app.integrations import ledger
from app.integrations.model import State
from app.sources import Scope
from app.store import checkpoints, claims, poison, records
from app.store.schema import CHUNKS, COMPLETENESS
from app.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from app.ingest.drift.id_sweeps import SweepResult
    from app.ingest.proof.count_cache import CountCache
    from app.integrations.model import Integration
    from app.sources import Source
    from app.store.session import Session, Store

log = logs.get(__name__)

_LARGEST_SWEEP = 20_000
"""Largest project for an immediate comparison of ids after different counts; larger ones wait for the weekly sweep."""
_MEND_LIMIT = 500
_RECHECK_DELAY, _LONGEST_DELAY = timedelta(minutes=2), timedelta(days=1)
"""Time until counts are compared again after a difference."""
_QUICK_ROUNDS, _MOST_STEPS = 3, 6

Finding = counting.Finding
_AT_ONCE = 8
"""Projects that are counted at once; the limiter decides about the requests."""


def verify(store: Store, source: Source, tenant_id: UUID, count_cache: CountCache | None = None) -> list[Finding]:
    """Compare, keep the findings as history, and put the result into the integration's state. Raises a JiraFailure.

    Differences are read again or investigated, and the comparison is soon due again. With `count_cache` a later attempt asks
    only for the missing counts.
    """
    with store.bound_to(tenant_id) as session:
        integration = ledger.of_tenant(session)
        policy = FieldPolicy() if integration is None else field_policy.load(session, integration)
        projects = [Scope(project_id, policy=policy) for project_id in _projects(session)]
        stubs.ask_for_naming_issues(session)
    site_counts = _counted(source, projects, count_cache)
    sweeps = _sweep_different(store, source, tenant_id, site_counts, policy)
    with store.bound_to(tenant_id) as session:
        records.lock_for_writing(session)
        # Held until the findings are kept: they must not be written behind an erasure that began while Jira was asked.
        integration = ledger.of_tenant(session, lock=True)
        if integration is None or integration.state is State.DELETING:
            return []
        _count_anew(session)
        findings = [
            *counting.issues(session, site_counts, sweeps),
            *counting.inside_issues(session),
            *counting.list_findings(session),
        ]
        before = _found_short(session)
        _keep(session, findings)
        _mend(session, integration, findings)
        _conclude(session, findings, sweeps, before)
    if count_cache is not None:
        count_cache.forget()
    return findings


def _counted(source: Source, projects: list[Scope], count_cache: CountCache | None) -> dict[str, int | None]:
    """Jira's count of issues in each project. Raises a JiraFailure."""
    counts = count_cache.known() if count_cache is not None else {}

    def ask(project: Scope) -> None:
        counts[project.project_id] = source.count(project)
        if count_cache is not None:
            count_cache.note(project.project_id, counts[project.project_id])

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(ask, [project for project in projects if project.project_id not in counts]):
            pass
    return {project.project_id: counts[project.project_id] for project in projects}


def _sweep_different(
    store: Store, source: Source, tenant_id: UUID, site_counts: dict[str, int | None], policy: FieldPolicy
) -> dict[str, SweepResult]:
    """Compare the ids of the projects with another count or none. Raises a JiraFailure.

    Projects without a count have `_LARGEST_SWEEP` ids together: they are compared at every verification. A count is
    dropped from `site_counts` where the ids disprove it.
    """
    with store.bound_to(tenant_id) as session:
        stored_counts, suspect_counts = counting.stored_by_project(session), absences.open_by_project(session)
    sweeps: dict[str, SweepResult] = {}
    uncounted_ids = 0
    for project_id, expected_count in site_counts.items():
        stored_count = stored_counts.get(project_id, 0)
        if expected_count == stored_count - suspect_counts.get(project_id, 0):
            continue
        uncounted_ids += stored_count if expected_count is None else 0
        if max(expected_count or 0, stored_count, uncounted_ids if expected_count is None else 0) > _LARGEST_SWEEP:
            continue
        project = Scope(project_id, policy=policy)
        sweep = id_sweeps.sweep_range(store, source, tenant_id, project)
        if sweep is None:
            continue
        sweeps[project_id] = sweep.figures
        if expected_count is not None and len(sweep.listed_ids) < expected_count:
            # A list that ends early leaves out other issues in the opposite order.
            backwards = id_sweeps.sweep_range(store, source, tenant_id, project, newest_first=True)
            if backwards is not None and backwards.listed_ids == sweep.listed_ids:
                log.warning("count disproved", project=project_id, expected=expected_count, ids=len(sweep.listed_ids))
                site_counts[project_id] = None
    return sweeps


def _keep(session: Session, findings: Sequence[Finding]) -> None:
    now = clock.now()
    rows = [
        {
            "tenant_id": session.tenant_id,
            "id": ids.new(),
            "entity": finding.entity,
            "scope_id": finding.scope_id,
            "stored": finding.stored,
            "expected": finding.expected,
            "suspected": finding.suspected,
            "unreadable": finding.unreadable,
            "is_complete": finding.is_complete,
            "method": finding.method,
            "verified_at": now,
        }
        for finding in findings
    ]
    if rows:
        session.execute(COMPLETENESS.insert(), rows)


def _mend(session: Session, integration: Integration, findings: Sequence[Finding]) -> None:
    """Have the different rows read again, and compared again after a pause that grows while nothing is mended."""
    wrong = [finding for finding in findings if not finding.is_complete]
    inside = sorted({finding.entity for finding in wrong if finding.entity in list_totals()})
    for name in inside:
        inbox.ask(session, _issues_with_wrong(session, name), origin=inbox.SWEEP)
    for finding in wrong:
        if finding.method == counting.WALK_TOTALS:
            is_this_list = [CHUNKS.c.entity == finding.entity, CHUNKS.c.state == "done"]
            is_this_list += [CHUNKS.c.scope_id == finding.scope_id] if finding.scope_id else []
            session.execute(update(CHUNKS).where(*is_this_list).values(finished_at=clock.now() - timedelta(days=7)))
    if wrong:
        tenant_schedule.hasten(session, jobs.REFRESH.name)
        tenant_schedule.hasten(session, jobs.VERIFY.name, at=clock.now() + _pause(session, integration))


def _pause(session: Session, integration: Integration) -> timedelta:
    """Time until counts are compared again: two minutes for three rounds, then four times the pause before, up to a day."""
    query = select(func.count(COMPLETENESS.c.verified_at.distinct())).where(~COMPLETENESS.c.is_complete)
    if integration.verified_at is not None:
        query = query.where(COMPLETENESS.c.verified_at > integration.verified_at)
    round_count = int(session.execute(query).scalar_one())
    return min(_RECHECK_DELAY * float(4 ** max(0, min(round_count - _QUICK_ROUNDS, _MOST_STEPS))), _LONGEST_DELAY)


def _issues_with_wrong(session: Session, name: str) -> list[str]:
    """Issues with more or fewer rows of an entity than Jira's total, unless that list is set aside."""
    child, issue = table_of(entity(name)), table_of(entity("issue"))
    counts = (
        select(child.c.issue_id, func.count().label("held"))
        .where(child.c.deleted_at.is_(None))
        .group_by(child.c.issue_id)
        .subquery()
    )
    total = issue.c[list_totals()[name]]
    query = (
        select(issue.c.id)
        .outerjoin(counts, counts.c.issue_id == issue.c.id)
        .where(issue.c.deleted_at.is_(None), total.is_not(None), total != func.coalesce(counts.c.held, 0))
        .where(issue.c.id.not_in(unreadable.scopes_of(name)))
    )
    return list(session.execute(query.order_by(issue.c.id).limit(_MEND_LIMIT)).scalars())


def _conclude(
    session: Session, findings: list[Finding], sweeps: Mapping[str, SweepResult], before: dict[str, int]
) -> None:
    """Put the result into the integration's state, unless walks are under way: they change it."""
    stand = claims.standing(session)
    if stand.waiting:
        return
    wrong = [finding for finding in findings if not finding.is_complete]
    short = [finding for finding in wrong if finding.difference < 0]
    # A walk that ended early is walked again, but not for ever: what a second one did not bring is hidden from us.
    short_projects = [
        finding.scope_id
        for finding in short
        if finding.entity == "issue" and before.get(finding.scope_id) != finding.stored
    ]
    is_retried = bool(checkpoints.walk_again(session, ["issue"], short_projects)) if short_projects else False
    is_retried = is_retried or any(sweep.asked for sweep in sweeps.values())
    reason: Condition | None = None
    if short:
        reason = _missing(session, short, is_retried=is_retried)
    elif wrong:
        reason = Condition(Code.ROWS_LEFT_OVER, surplus=sum(finding.difference for finding in wrong))
    state.derive_state(session, is_verified=not wrong, reason=reason)


def _missing(session: Session, short: list[Finding], *, is_retried: bool) -> Condition:
    """The rows that are missing, by entity, and whether they are fetched again."""
    missing_count, expected_count = dict[str, int](), dict[str, int]()
    for finding in short:
        missing_count[finding.entity] = missing_count.get(finding.entity, 0) - finding.difference
        expected_count[finding.entity] = expected_count.get(finding.entity, 0) + finding.expected
    poison_count = sum(poison.count(session, name) for name in missing_count)
    if poison_count:
        return Condition(Code.ROWS_UNREADABLE, missing=missing_count, expected=expected_count, records=poison_count)
    is_fetched_again = is_retried or set(missing_count) != {"issue"}
    code = Code.ROWS_REFETCHED if is_fetched_again else Code.ROWS_HIDDEN
    return Condition(code, missing=missing_count, expected=expected_count)


def _found_short(session: Session) -> dict[str, int]:
    """Stored issues of the projects that the last verification found short, by project."""
    latest = (
        select(COMPLETENESS.c.scope_id, COMPLETENESS.c.stored, COMPLETENESS.c.is_complete)
        .where(COMPLETENESS.c.entity == "issue")
        .ext(distinct_on(COMPLETENESS.c.scope_id))
        .order_by(COMPLETENESS.c.scope_id, COMPLETENESS.c.verified_at.desc())
    )
    return {row.scope_id: row.stored for row in session.execute(latest) if not row.is_complete}


def _projects(session: Session) -> list[str]:
    """The projects with countable issues: planned, in sight and open."""
    project = table_of(entity("project"))
    query = select(CHUNKS.c.scope_id).where(CHUNKS.c.entity == "issue").distinct()
    closed_projects = select(project.c.id).where(
        project.c.is_archived | project.c.is_deleted | project.c.deleted_at.is_not(None)
    )
    frozen_projects = project_access.frozen(session)
    return [
        project_id
        for project_id in session.execute(query.where(CHUNKS.c.scope_id.not_in(closed_projects))).scalars()
        if project_id not in frozen_projects
    ]


def _count_anew(session: Session) -> None:
    """Count every live row and correct the tallies, which drift when tombstones revive. Call it under the write lock."""
    counts = {}
    for name, entity_type in all_entities().items():
        query = (
            select(func.count()).select_from(table_of(entity_type)).where(table_of(entity_type).c.deleted_at.is_(None))
        )
        counts[name] = int(session.execute(query).scalar_one())
    tallies = records.tallies(session)
    records.tally(session, {name: count - tallies.get(name, 0) for name, count in counts.items()})
