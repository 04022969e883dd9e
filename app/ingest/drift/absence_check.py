"""Second check of absent issues: its cause decides whether an issue gets a tombstone (`absences`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import func, select, update

from app import clock, logs
from app.catalog.json_value import find
from app.catalog.registry import entity
from app.conditions import Code, Condition
from app.errors import JiraFailure, JiraRefused
from app.ingest.planning import field_policy
from app.ingest.writing import absences, project_access, unreadable
from app.ingest.writing.page import parse_page
from app.ingest.writing.quarantine import write_accepted
from app.integrations import ledger
from app.sources.answers import is_archived
from app.store.sync_tables import ABSENCES
from app.store.tables import OUT_OF_SCOPE, table_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from uuid import UUID

    from app.catalog.field_policy import FieldPolicy
    from app.ingest.writing.absences import Absence
    from app.sources import Source
    from app.sources.answers import IssueRead
    from app.store.session import Session, Store

log = logs.get(__name__)

AT_ONCE = 200
_CAUSES = {
    Code.CHILD_DELETED: absences.DELETED,
    Code.SECURITY_CHANGED: absences.HIDDEN,
    Code.MOVED_TO: absences.MOVED,
}
"""The cause that the evidence of a webhook decides."""
_CONFIRMATIONS = 2
"""Consecutive sweeps without an issue before it is buried."""


@dataclass
class _AbsenceCheck:
    """Results of one check."""

    due: list[Absence]
    lost_projects: set[str] = field(default_factory=set)
    """Projects out of sight."""
    untold_projects: set[str] = field(default_factory=set)
    """Projects that the site can't be asked for now: nothing of them is buried."""
    issue_read: IssueRead | None = None
    audited_keys: set[str] = field(default_factory=set)
    """Keys of deletions in the site's audit log."""


def check_absences(store: Store, source: Source, tenant_id: UUID) -> Condition | None:
    """Check the absences that are due. Returns a summary; raises a JiraFailure."""
    with store.bound_to(tenant_id) as session:
        integration = ledger.of_tenant(session)
        if integration is None or not integration.is_served:
            return None
        check = _AbsenceCheck(absences.due(session, AT_ONCE))
        policy = field_policy.load(session, integration)
    if not check.due:
        return None
    projects = {absence.project_id for absence in check.due if absence.project_id}
    visibility = project_access.check_visibility(store, source, tenant_id, projects)
    check.lost_projects, check.untold_projects = {*visibility.hidden_ids}, visibility.untold_ids(projects)
    issue_ids = [absence.issue_id for absence in check.due if absence.project_id not in check.lost_projects]
    check.issue_read = source.by_ids(issue_ids, policy) if issue_ids else None
    if check.issue_read is not None and check.issue_read.gone_ids:
        check.audited_keys = _audited(source)
    with store.bound_to(tenant_id) as session:
        counts = _settle(session, check, policy)
    log.info("second look", tenant_id=str(tenant_id), **counts)
    return Condition(Code.ABSENCES_CHECKED, causes=dict(sorted(counts.items())))


def _settle(session: Session, check: _AbsenceCheck, policy: FieldPolicy) -> dict[str, int]:
    """Settle each absence, in one transaction. Returns the number by cause."""
    counts: dict[str, int] = {}
    integration = ledger.of_tenant(session)
    lost_ids = [absence.issue_id for absence in check.due if absence.project_id in check.lost_projects]
    if lost_ids:
        absences.settle(session, lost_ids, absences.PERMISSION_LOST, evidence=Condition(Code.PROJECT_HIDDEN))
        counts[absences.PERMISSION_LOST] = len(lost_ids)
    if check.issue_read is None or integration is None:
        return counts
    by_id = {str(find(body, "id")): body for body in check.issue_read.bodies}
    archived_ids = [issue_id for issue_id, body in by_id.items() if is_archived(body)]
    bodies = [body for issue_id, body in by_id.items() if issue_id not in archived_ids]
    parsed_page = parse_page(entity("issue"), bodies, policy, None)
    write_accepted(session, parsed_page, read_at=check.issue_read.sent_at)
    unreadable.note_issues(session, check.issue_read, parsed_page.own_ids)
    if archived_ids:
        absences.bury(session, archived_ids, absences.ARCHIVED, evidence=Condition(Code.DIRECT_READ))
        counts[absences.ARCHIVED] = len(archived_ids)
    if check.issue_read.outside_ids:
        counts[OUT_OF_SCOPE] = absences.bury_outside(session, check.issue_read.outside_ids)
    gone_ids = set(check.issue_read.gone_ids)
    gone_absences = [absence for absence in check.due if absence.issue_id in gone_ids]
    undecided_ids = [absence.issue_id for absence in gone_absences if absence.project_id in check.untold_projects]
    _touch(session, undecided_ids, cause=absences.UNKNOWN, counts=False)
    gone_absences = [absence for absence in gone_absences if absence.issue_id not in undecided_ids]
    live_ids = by_id.keys() - gone_ids - set(archived_ids)
    projects = {issue_id: str(find(by_id[issue_id], "fields.project.id")) for issue_id in live_ids}
    present_absences = [absence for absence in check.due if absence.issue_id in live_ids]
    for part in (
        _bury_or_wait(session, gone_absences, check.audited_keys),
        _return(session, present_absences, projects, check.issue_read.unsearchable),
    ):
        for cause, count in part.items():
            counts[cause] = counts.get(cause, 0) + count
    # An issue that can't be had for now is there, so it isn't absent.
    absences.seen_again(session, [*check.issue_read.unreadable])
    return counts


def _return(
    session: Session, present_absences: Sequence[Absence], projects: Mapping[str, str], unsearchable: Collection[str]
) -> dict[str, int]:
    """Settle issues that answer: they were moved, or the index lags. Returns the number by cause."""
    moved_ids: dict[str, list[str]] = {}
    staying_ids: list[str] = []
    for absence in present_absences:
        project_id = projects[absence.issue_id]
        is_moved = absence.project_id not in {None, project_id}
        (moved_ids.setdefault(project_id, []) if is_moved else staying_ids).append(absence.issue_id)
    for project_id, issue_ids in moved_ids.items():
        absences.settle(session, issue_ids, absences.MOVED, evidence=Condition(Code.IN_PROJECT, project=project_id))
    lagging_ids = [issue_id for issue_id in staying_ids if issue_id in unsearchable]
    absences.seen_again(session, sorted({*staying_ids} - {*lagging_ids}))
    _touch(session, lagging_ids, cause=absences.NOT_INDEXED)
    moved_count = sum(map(len, moved_ids.values()))
    counts = {absences.MOVED: moved_count, absences.NOT_INDEXED: len(staying_ids)}
    return {cause: count for cause, count in counts.items() if count}


def _bury_or_wait(session: Session, gone_absences: Sequence[Absence], audited_keys: set[str]) -> dict[str, int]:
    """Bury the issues that answer 404 for the second time while their project is in sight. Returns the number by cause."""
    waiting_ids = [absence.issue_id for absence in gone_absences if absence.sweeps + 1 < _CONFIRMATIONS]
    _touch(session, waiting_ids, cause=absences.UNKNOWN)
    counts = {absences.UNKNOWN: len(waiting_ids)} if waiting_ids else {}
    certain_absences = [absence for absence in gone_absences if absence.sweeps + 1 >= _CONFIRMATIONS]
    for cause, evidence, issue_ids in _by_cause(session, certain_absences, audited_keys):
        absences.bury(session, issue_ids, cause, evidence=evidence)
        counts[cause] = counts.get(cause, 0) + len(issue_ids)
    return counts


def _touch(session: Session, issues: Collection[str], *, cause: str, counts: bool = True) -> None:
    """Record one more check without a result; `counts` if it confirms the absence."""
    if not issues:
        return
    values = {"cause": cause, "sweeps": ABSENCES.c.sweeps + int(counts), "last_missed_at": clock.now()}
    session.execute(update(ABSENCES).where(ABSENCES.c.issue_id.in_(issues)).values(**values))


def _by_cause(
    session: Session, certain_absences: Sequence[Absence], audited_keys: set[str]
) -> Iterator[tuple[str, Condition, list[str]]]:
    """Cause, evidence and ids of the absent issues, those of one cause and evidence together."""
    undecided_ids = [absence.issue_id for absence in certain_absences if _evident_cause(absence) is None]
    issue = table_of(entity("issue"))
    is_audited = issue.c.id.in_(undecided_ids) & issue.c.key.in_(audited_keys)
    audited_ids = set(session.execute(select(issue.c.id).where(is_audited)).scalars()) if audited_keys else set()
    worklogless_ids = _without_worklogs(session, certain_absences) if undecided_ids else set()
    groups: dict[str, tuple[str, Condition, list[str]]] = {}
    for absence in certain_absences:
        cause, evidence = _evident_cause(absence) or (absences.HIDDEN, Condition(Code.NO_EVIDENCE))
        if evidence.code is Code.NO_EVIDENCE and absence.issue_id in audited_ids:
            cause, evidence = absences.DELETED, Condition(Code.AUDIT_LOG)
        elif evidence.code is Code.NO_EVIDENCE and absence.issue_id in worklogless_ids:
            cause, evidence = absences.DELETED, Condition(Code.WORKLOGS_DELETED)
        groups.setdefault(f"{cause} {evidence.to_json()}", (cause, evidence, []))[2].append(absence.issue_id)
    yield from groups.values()


def _evident_cause(absence: Absence) -> tuple[str, Condition] | None:
    """The cause that a webhook's evidence decides, with the evidence."""
    evidence = absence.evidence
    return (_CAUSES[evidence.code], evidence) if evidence is not None and evidence.code in _CAUSES else None


def _without_worklogs(session: Session, undecided_absences: Sequence[Absence]) -> set[str]:
    """Issues that lost all of their worklogs since their last read."""
    issue, worklog = table_of(entity("issue")), table_of(entity("worklog"))
    issue_ids = [absence.issue_id for absence in undecided_absences]
    missed_at = {absence.issue_id: absence.missed_at for absence in undecided_absences}
    read_query = select(issue.c.id, issue.c.read_at).where(issue.c.id.in_(issue_ids))
    read_at = missed_at | {row.id: row.read_at for row in session.execute(read_query)}
    worklogs = session.execute(
        select(
            worklog.c.issue_id,
            func.count().filter(worklog.c.deleted_at.is_(None)).label("live"),
            func.max(worklog.c.deleted_at).label("deleted_at"),
        )
        .where(worklog.c.issue_id.in_(issue_ids))
        .group_by(worklog.c.issue_id)
    )
    return {row.issue_id for row in worklogs if not row.live and row.deleted_at > read_at[row.issue_id]}


def _audited(source: Source) -> set[str]:
    """Keys of issues that the audit log calls deleted; empty where it can't be read."""
    try:
        deleted_keys = source.deleted_keys()
    except JiraRefused:
        raise
    except JiraFailure:
        return set()
    return deleted_keys if isinstance(deleted_keys, set) else set()
