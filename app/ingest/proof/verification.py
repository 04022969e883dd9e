"""“Verified complete” is a statement with a time and a method: what is stored against what the site says it has."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import distinct_on

from app import clock, ids, jobs
from app.catalog.language import OPEN_END
from app.catalog.registry import all_entities, entity, list_totals
from app.conditions import Code, Condition
from app.errors import JiraDown, JiraNonsense
from app.ingest.drift import id_sweeps
from app.ingest.planning import inbox, tenant_schedule
from app.ingest.proof import counting, state
from app.ingest.writing import absences, project_access
from app.integrations import ledger
from app.integrations.model import State
from app.sources import Scope
from app.store import checkpoints, claims, poison, records
from app.store.schema import CHUNKS, COMPLETENESS
from app.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from app.ingest.proof.count_cache import CountCache
    from app.sources import Source
    from app.store.session import Session, Store

_TRIES = 3
_LARGEST_SWEEP = 20_000
"""Issues of a project whose ids are compared at once where counts differ; those of larger ones wait for the weekly sweep."""
_MOST_MENDED = 500
_SOON = timedelta(minutes=2)
"""When counts are compared again after they differed."""


Finding = counting.Finding
_AT_ONCE = 8
"""Projects that Jira is asked about at once; the limiter lets through what may be."""


def verify(store: Store, source: Source, tenant_id: UUID, kept: CountCache | None = None) -> list[Finding]:
    """Compare, keep the findings as history, and say the result in the integration's state. Raises a JiraFailure.

    What differs is put to be read again, or looked into; the comparison is due again soon then. With `kept`, a later
    attempt asks only for the counts that are missing.
    """
    with store.bound_to(tenant_id) as session:
        projects = _projects(session)
    asked = _counted(source, projects, kept)
    swept = _sweep_surplus(store, source, tenant_id, asked)
    with store.bound_to(tenant_id) as session:
        records.lock_for_writing(session)
        # Held until the findings are kept: they must not be written behind an erasure that began while Jira was asked.
        integration = ledger.of_tenant(session, lock=True)
        if integration is None or integration.state is State.DELETING:
            return []
        _count_anew(session)
        findings = [
            *counting.issues(session, asked, swept),
            *counting.inside_issues(session),
            *counting.list_findings(session),
        ]
        before = _found_short(session)
        _keep(session, findings)
        _mend(session, findings)
        _conclude(session, findings, before)
    if kept is not None:
        kept.forget()
    return findings


def _counted(source: Source, projects: list[str], kept: CountCache | None) -> dict[str, int | None]:
    """How many issues Jira counts in each project. Raises a JiraFailure."""
    known = kept.known() if kept is not None else {}

    def ask(project_id: str) -> None:
        known[project_id] = _asked(source, project_id)
        if kept is not None:
            kept.note(project_id, known[project_id])

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(ask, [each for each in projects if each not in known]):
            pass
    return {each: known[each] for each in projects}


def _asked(source: Source, project_id: str) -> int | None:
    """Jira's own count of a project: one bad answer in many must not spoil the others. Raises a JiraFailure."""
    for _ in range(_TRIES - 1):
        with suppress(JiraDown, JiraNonsense):
            return source.count(Scope(project_id))
    return source.count(Scope(project_id))


def _sweep_surplus(store: Store, source: Source, tenant_id: UUID, asked: Mapping[str, int | None]) -> dict[str, int]:
    """Compare the ids of projects that have more issues here than there. Returns how many there really are."""
    with store.bound_to(tenant_id) as session:
        stored, suspected = counting.stored_by_project(session), absences.open_by_project(session)
    swept = {}
    for project_id, expected in asked.items():
        held = stored.get(project_id, 0)
        if expected is not None and expected < held - suspected.get(project_id, 0) and held <= _LARGEST_SWEEP:
            swept[project_id] = id_sweeps.sweep_range(store, source, tenant_id, project_id, 0, OPEN_END).looked
    return swept


def _keep(session: Session, findings: Sequence[Finding]) -> None:
    now = clock.now()
    rows = [
        {
            "tenant_id": session.tenant_id,
            "id": ids.new(),
            "entity": each.entity,
            "scope_id": each.scope_id,
            "stored": each.stored,
            "expected": each.expected,
            "suspected": each.suspected,
            "is_complete": each.is_complete,
            "method": each.method,
            "verified_at": now,
        }
        for each in findings
    ]
    if rows:
        session.execute(COMPLETENESS.insert(), rows)


def _mend(session: Session, findings: Sequence[Finding]) -> None:
    """Have read again what the findings say is not as it should be."""
    wrong = [each for each in findings if not each.is_complete]
    inside = sorted({each.entity for each in wrong if each.entity in list_totals()})
    for name in inside:
        inbox.ask(session, _issues_with_wrong(session, name), origin=inbox.SWEEP)
    for each in wrong:
        if each.method == counting.WALK_TOTALS:
            its = [CHUNKS.c.entity == each.entity, CHUNKS.c.state == "done"]
            its += [CHUNKS.c.scope_id == each.scope_id] if each.scope_id else []
            session.execute(update(CHUNKS).where(*its).values(finished_at=clock.now() - timedelta(days=7)))
    if wrong:
        tenant_schedule.hasten(session, jobs.REFRESH.name)
        tenant_schedule.hasten(session, jobs.VERIFY.name, at=clock.now() + _SOON)


def _issues_with_wrong(session: Session, name: str) -> list[str]:
    """Issues that have more or fewer rows of an entity here than Jira says they have."""
    child, issue = table_of(entity(name)), table_of(entity("issue"))
    counted = (
        select(child.c.issue_id, func.count().label("held"))
        .where(child.c.deleted_at.is_(None))
        .group_by(child.c.issue_id)
        .subquery()
    )
    total = issue.c[list_totals()[name]]
    query = (
        select(issue.c.id)
        .outerjoin(counted, counted.c.issue_id == issue.c.id)
        .where(issue.c.deleted_at.is_(None), total.is_not(None), total != func.coalesce(counted.c.held, 0))
    )
    return list(session.execute(query.order_by(issue.c.id).limit(_MOST_MENDED)).scalars())


def _conclude(session: Session, findings: list[Finding], before: dict[str, int]) -> None:
    """Put the result into the integration's state, unless walks are under way: they change it."""
    stand = claims.standing(session)
    if stand.waiting:
        return
    wrong = [each for each in findings if not each.is_complete]
    short = [each for each in wrong if each.difference < 0]
    # A walk that ended early is walked again, but not for ever: what a second one did not bring is hidden from us.
    again = [each.scope_id for each in short if each.entity == "issue" and before.get(each.scope_id) != each.stored]
    is_retried = bool(checkpoints.walk_again(session, ["issue"], again)) if again else False
    missing = _missing(session, short, is_retried=is_retried) if short else None
    state.derive_state(session, is_verified=not wrong, reason=missing)


def _missing(session: Session, short: list[Finding], *, is_retried: bool) -> Condition:
    """The rows that are missing, by entity, and whether they are fetched again."""
    missing, expected = dict[str, int](), dict[str, int]()
    for finding in short:
        missing[finding.entity] = missing.get(finding.entity, 0) - finding.difference
        expected[finding.entity] = expected.get(finding.entity, 0) + finding.expected
    parked = sum(poison.count(session, name) for name in missing)
    if parked:
        return Condition(Code.ROWS_UNREADABLE, missing=missing, expected=expected, records=parked)
    is_fetched_again = is_retried or set(missing) != {"issue"}
    code = Code.ROWS_REFETCHED if is_fetched_again else Code.ROWS_HIDDEN
    return Condition(code, missing=missing, expected=expected)


def _found_short(session: Session) -> dict[str, int]:
    """How many issues were stored of the projects that the last verification found short, by project."""
    latest = (
        select(COMPLETENESS.c.scope_id, COMPLETENESS.c.stored, COMPLETENESS.c.is_complete)
        .where(COMPLETENESS.c.entity == "issue")
        .ext(distinct_on(COMPLETENESS.c.scope_id))
        .order_by(COMPLETENESS.c.scope_id, COMPLETENESS.c.verified_at.desc())
    )
    return {row.scope_id: row.stored for row in session.execute(latest) if not row.is_complete}


def _projects(session: Session) -> list[str]:
    """The projects whose issues can be counted: planned, in sight and open."""
    project = table_of(entity("project"))
    query = select(CHUNKS.c.scope_id).where(CHUNKS.c.entity == "issue").distinct()
    closed = select(project.c.id).where(
        project.c.is_archived | project.c.is_deleted | project.c.deleted_at.is_not(None)
    )
    frozen = project_access.frozen(session)
    return [
        each for each in session.execute(query.where(CHUNKS.c.scope_id.not_in(closed))).scalars() if each not in frozen
    ]


def _count_anew(session: Session) -> None:
    """Count every live row, and put the tallies right, which drift where tombstones revive. Wants the write lock."""
    counted = {}
    for name, each in all_entities().items():
        query = select(func.count()).select_from(table_of(each)).where(table_of(each).c.deleted_at.is_(None))
        counted[name] = int(session.execute(query).scalar_one())
    held = records.tallies(session)
    records.tally(session, {name: count - held.get(name, 0) for name, count in counted.items()})
