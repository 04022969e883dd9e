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
from app.ingest.writing import absences, project_access
from app.ingest.writing.page import parse_page, write_page
from app.integrations import ledger
from app.sources.answers import is_archived
from app.store.sync_tables import ABSENCES
from app.store.tables import table_of

if TYPE_CHECKING:
    from uuid import UUID

    from app.catalog.field_policy import FieldPolicy
    from app.catalog.json_value import Json
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
    check.lost_projects = projects - project_access.check_visibility(store, source, tenant_id, projects)
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
    write_page(session, parsed_page, read_at=check.issue_read.sent_at)
    if archived_ids:
        absences.bury(session, archived_ids, absences.ARCHIVED, evidence=Condition(Code.DIRECT_READ))
        counts[absences.ARCHIVED] = len(archived_ids)
    gone_ids = set(check.issue_read.gone_ids)
    for absence in check.due:
        if absence.issue_id in gone_ids:
            cause = _bury_or_wait(session, absence, check.audited_keys)
        elif absence.issue_id in by_id and absence.issue_id not in archived_ids:
            cause = _is_back(session, absence, by_id[absence.issue_id], check.issue_read)
        else:
            continue
        counts[cause] = counts.get(cause, 0) + 1
    return counts


def _is_back(session: Session, absence: Absence, body: Json, issue_read: IssueRead) -> str:
    """Settle an issue that answers: it was moved, or the index lags."""
    project_id = str(find(body, "fields.project.id"))
    if absence.project_id not in {None, project_id}:
        evidence = Condition(Code.IN_PROJECT, project=project_id)
        absences.settle(session, [absence.issue_id], absences.MOVED, evidence=evidence)
        return absences.MOVED
    if absence.issue_id not in issue_read.unsearchable:
        absences.seen_again(session, [absence.issue_id])
    else:
        _touch(session, absence, cause=absences.NOT_INDEXED)
    return absences.NOT_INDEXED


def _bury_or_wait(session: Session, absence: Absence, audited_keys: set[str]) -> str:
    """Bury an issue that answers 404 for the second time while its project is in sight."""
    if absence.sweeps + 1 < _CONFIRMATIONS:
        _touch(session, absence, cause=absences.UNKNOWN)
        return absences.UNKNOWN
    cause, evidence = _cause(session, absence, audited_keys)
    absences.bury(session, [absence.issue_id], cause, evidence=evidence)
    return cause


def _touch(session: Session, absence: Absence, *, cause: str) -> None:
    """Record one more check without a result."""
    is_it = ABSENCES.c.issue_id == absence.issue_id
    values = {"cause": cause, "sweeps": ABSENCES.c.sweeps + 1, "last_missed_at": clock.now()}
    session.execute(update(ABSENCES).where(is_it).values(**values))


def _cause(session: Session, absence: Absence, audited_keys: set[str]) -> tuple[str, Condition]:
    """The cause of an issue's absence, and its evidence."""
    if absence.evidence is not None and absence.evidence.code in _CAUSES:
        return _CAUSES[absence.evidence.code], absence.evidence
    issue, worklog = table_of(entity("issue")), table_of(entity("worklog"))
    row = session.execute(select(issue.c.key, issue.c.read_at).where(issue.c.id == absence.issue_id)).one_or_none()
    if row is not None and row.key in audited_keys:
        return absences.DELETED, Condition(Code.AUDIT_LOG)
    read_at = row.read_at if row is not None else absence.missed_at
    worklogs = session.execute(
        select(
            func.count().filter(worklog.c.deleted_at.is_(None)).label("live"),
            func.count().filter(worklog.c.deleted_at > read_at).label("gone"),
        ).where(worklog.c.issue_id == absence.issue_id)
    ).one()
    if worklogs.gone and not worklogs.live:
        return absences.DELETED, Condition(Code.WORKLOGS_DELETED)
    return absences.HIDDEN, Condition(Code.NO_EVIDENCE)


def _audited(source: Source) -> set[str]:
    """Keys of issues that the audit log calls deleted; empty where it can't be read."""
    try:
        deleted_keys = source.deleted_keys()
    except JiraRefused:
        raise
    except JiraFailure:
        return set()
    return deleted_keys if isinstance(deleted_keys, set) else set()
