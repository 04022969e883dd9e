"""The second look at issues that were not seen: what has become of them, and only then a tombstone (`absences`)."""

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
_ENOUGH = 2
"""Sweeps in a row that did not see an issue before it is buried."""


@dataclass
class _Looked:
    """What a second look saw."""

    due: list[Absence]
    lost: set[str] = field(default_factory=set)
    """Projects out of sight."""
    read: IssueRead | None = None
    audited: set[str] = field(default_factory=set)
    """Keys that the site's audit log calls deleted."""


def check_absences(store: Store, source: Source, tenant_id: UUID) -> Condition | None:
    """Look at the absences that are due. Returns what was found; raises a JiraFailure."""
    with store.bound_to(tenant_id) as session:
        integration = ledger.of_tenant(session)
        if integration is None or not integration.is_served:
            return None
        looked = _Looked(absences.due(session, AT_ONCE))
        policy = field_policy.load(session, integration)
    if not looked.due:
        return None
    projects = {each.project_id for each in looked.due if each.project_id}
    looked.lost = projects - project_access.look_at(store, source, tenant_id, projects)
    wanted = [each.issue_id for each in looked.due if each.project_id not in looked.lost]
    looked.read = source.by_ids(wanted, policy) if wanted else None
    if looked.read is not None and looked.read.gone:
        looked.audited = _audited(source)
    with store.bound_to(tenant_id) as session:
        counted = _settle(session, looked, policy)
    log.info("second look", tenant_id=str(tenant_id), **counted)
    return Condition(Code.ABSENCES_CHECKED, causes=dict(sorted(counted.items())))


def _settle(session: Session, looked: _Looked, policy: FieldPolicy) -> dict[str, int]:
    """Say what has become of each, in one transaction. Returns how many by cause."""
    counted: dict[str, int] = {}
    integration = ledger.of_tenant(session)
    lost = [each.issue_id for each in looked.due if each.project_id in looked.lost]
    if lost:
        absences.settle(session, lost, absences.PERMISSION_LOST, evidence=Condition(Code.PROJECT_HIDDEN))
        counted[absences.PERMISSION_LOST] = len(lost)
    if looked.read is None or integration is None:
        return counted
    by_id = {str(find(body, "id")): body for body in looked.read.bodies}
    archived = [known for known, body in by_id.items() if is_archived(body)]
    bodies = [body for known, body in by_id.items() if known not in archived]
    parsed = parse_page(entity("issue"), bodies, policy, None)
    write_page(session, parsed, read_at=looked.read.sent_at)
    if archived:
        absences.bury(session, archived, absences.ARCHIVED, evidence=Condition(Code.DIRECT_READ))
        counted[absences.ARCHIVED] = len(archived)
    gone = set(looked.read.gone)
    for each in looked.due:
        if each.issue_id in gone:
            cause = _bury_or_wait(session, each, looked.audited)
        elif each.issue_id in by_id and each.issue_id not in archived:
            cause = _is_back(session, each, by_id[each.issue_id], looked.read)
        else:
            continue
        counted[cause] = counted.get(cause, 0) + 1
    return counted


def _is_back(session: Session, absence: Absence, body: Json, read: IssueRead) -> str:
    """It answers: it was moved, or the index has not caught up yet."""
    project_id = str(find(body, "fields.project.id"))
    if absence.project_id not in {None, project_id}:
        evidence = Condition(Code.IN_PROJECT, project=project_id)
        absences.settle(session, [absence.issue_id], absences.MOVED, evidence=evidence)
        return absences.MOVED
    if absence.issue_id not in read.unsearchable:
        absences.seen_again(session, [absence.issue_id])
    else:
        _touch(session, absence, cause=absences.NOT_INDEXED)
    return absences.NOT_INDEXED


def _bury_or_wait(session: Session, absence: Absence, audited: set[str]) -> str:
    """404, its project in sight: after the second time it is gone."""
    if absence.sweeps + 1 < _ENOUGH:
        _touch(session, absence, cause=absences.UNKNOWN)
        return absences.UNKNOWN
    cause, evidence = _cause(session, absence, audited)
    absences.bury(session, [absence.issue_id], cause, evidence=evidence)
    return cause


def _touch(session: Session, absence: Absence, *, cause: str) -> None:
    """It was looked for once more in vain."""
    is_it = ABSENCES.c.issue_id == absence.issue_id
    values = {"cause": cause, "sweeps": ABSENCES.c.sweeps + 1, "last_missed_at": clock.now()}
    session.execute(update(ABSENCES).where(is_it).values(**values))


def _cause(session: Session, absence: Absence, audited: set[str]) -> tuple[str, Condition]:
    """Why an issue is not there for us, and the evidence of it."""
    if absence.evidence is not None and absence.evidence.code in _CAUSES:
        return _CAUSES[absence.evidence.code], absence.evidence
    issue, worklog = table_of(entity("issue")), table_of(entity("worklog"))
    row = session.execute(select(issue.c.key, issue.c.read_at).where(issue.c.id == absence.issue_id)).one_or_none()
    if row is not None and row.key in audited:
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
