"""Issues that were not seen where they should be, and what has become of them.

    absent ──► second look, an hour later at the earliest
                 │ the search has it again ........ not indexed yet, nothing happened
                 │ a direct read answers .......... moved, archived, or still not indexed
                 │ 404, the project is out of sight  permission lost: frozen, nothing is erased
                 └ 404, absent twice .............. deleted where something says so, else hidden

Jira answers 404 alike for what was deleted and for what the app may not see. What tells them apart is evidence:
a deletion's webhook, also one from the list of failed ones; the audit log where the app may read it; deletions of
what hung on the issue. Without any the issue is called hidden: that takes nothing back if it shows up again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Text, case, cast, func, select, union_all, update
from sqlalchemy.dialects.postgresql import insert

from app import clock
from app.catalog.registry import entity
from app.conditions import Code, Condition
from app.ingest.planning import inbox
from app.store import records
from app.store.sync_tables import ABSENCES
from app.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from app.store.session import Session

GAP = timedelta(hours=1)
"""Between two looks at least: an index has lagged for minutes."""
UNKNOWN, DELETED, MOVED, ARCHIVED, HIDDEN = "unknown", "deleted", "moved", "archived", "hidden"
PERMISSION_LOST, NOT_INDEXED = "permission lost", "not indexed yet"


@dataclass(frozen=True)
class Absence:
    """An issue that was not seen."""

    issue_id: str
    project_id: str | None
    cause: str
    evidence: Condition | None
    sweeps: int
    missed_at: datetime
    last_missed_at: datetime
    settled_at: datetime | None


def miss(session: Session, issues: Collection[str], *, evidence: Mapping[str, Condition] | None = None) -> int:
    """A sweep did not see these; those that are stored become absences. Returns how many.

    `evidence` is known of some of them and decides the cause, should they stay away.
    """
    issue = table_of(entity("issue"))
    stored = session.execute(
        select(issue.c.id, issue.c.project_id).where(issue.c.id.in_(issues), issue.c.deleted_at.is_(None))
    ).all()
    now = clock.now()
    for row in stored:
        said = (evidence or {}).get(row.id)
        made = insert(ABSENCES).values(
            tenant_id=session.tenant_id,
            issue_id=row.id,
            project_id=row.project_id,
            cause=UNKNOWN,
            evidence=said,
            missed_at=now,
            last_missed_at=now,
        )
        is_new = ABSENCES.c.settled_at.is_not(None)
        is_due = ABSENCES.c.last_missed_at <= now - GAP
        session.execute(
            made.on_conflict_do_update(
                index_elements=["tenant_id", "issue_id"],
                set_={
                    "project_id": row.project_id,
                    "sweeps": case((is_new, 1), (is_due, ABSENCES.c.sweeps + 1), else_=ABSENCES.c.sweeps),
                    "cause": case((is_new, UNKNOWN), else_=ABSENCES.c.cause),
                    "evidence": said or case((is_new, None), else_=ABSENCES.c.evidence),
                    "missed_at": case((is_new, now), else_=ABSENCES.c.missed_at),
                    "last_missed_at": case((is_new | is_due, now), else_=ABSENCES.c.last_missed_at),
                    "settled_at": None,
                },
            )
        )
    return len(stored)


def settle(session: Session, issues: Collection[str], cause: str, *, evidence: Condition) -> None:
    """Say what has become of issues, once and for all until they are missed again."""
    now = clock.now()
    for each in issues:
        made = insert(ABSENCES).values(
            tenant_id=session.tenant_id,
            issue_id=each,
            cause=cause,
            evidence=evidence,
            missed_at=now,
            last_missed_at=now,
            settled_at=now,
        )
        said = {"cause": cause, "evidence": evidence, "settled_at": now}
        session.execute(made.on_conflict_do_update(index_elements=["tenant_id", "issue_id"], set_=said))


def seen_again(session: Session, issues: Collection[str]) -> None:
    """Issues that were absent were seen and are stored as they are: they were moved, or the index had lagged."""
    issue = table_of(entity("issue"))
    now_in = select(issue.c.project_id).where(issue.c.id == ABSENCES.c.issue_id).scalar_subquery()
    is_moved = ABSENCES.c.project_id.is_distinct_from(now_in)
    in_project = cast(func.json_build_object("code", Code.IN_PROJECT.value, "project", now_in), Text)
    evidence = case((is_moved, in_project), else_=None)
    is_open = (ABSENCES.c.issue_id.in_(issues), ABSENCES.c.settled_at.is_(None))
    session.execute(
        update(ABSENCES)
        .where(*is_open)
        .values(cause=case((is_moved, MOVED), else_=NOT_INDEXED), evidence=evidence, settled_at=clock.now())
    )


def bury(session: Session, issues: Collection[str], because: str, *, evidence: Condition) -> int:
    """Put tombstones on issues and all that hangs on them, and write down why. Returns how many went.

    Issues that are linked with them, their parents and their children are read again: they show it too.
    """
    around = _around(session, issues)
    gone = records.bury(session, entity("issue"), issues, at=clock.now(), because=because)
    if gone:
        inbox.ask(session, around, origin=inbox.SWEEP)
    settle(session, issues, because, evidence=evidence)
    return gone


def _around(session: Session, issues: Collection[str]) -> list[str]:
    """Stored issues that others show: the other ends of their links, their parents and children.

    Two questions without a join: where PostgreSQL's statistics were old it searched all links anew for every issue of the
    site, for seconds to minutes, under the tenant's lock.
    """
    issue, link = table_of(entity("issue")), table_of(entity("issue_link"))
    ends = union_all(
        select(link.c.destination_issue_id).where(link.c.issue_id.in_(issues), link.c.deleted_at.is_(None)),
        select(link.c.issue_id).where(link.c.destination_issue_id.in_(issues), link.c.deleted_at.is_(None)),
        select(issue.c.parent_id).where(issue.c.id.in_(issues), issue.c.parent_id.is_not(None)),
        select(issue.c.id).where(issue.c.parent_id.in_(issues)),
    )
    shown = {*session.execute(ends).scalars()} - {*issues}
    is_live = issue.c.id.in_(shown) & issue.c.deleted_at.is_(None)
    return list(session.execute(select(issue.c.id).where(is_live)).scalars()) if shown else []


def due(session: Session, limit: int) -> list[Absence]:
    """Open absences whose second look is due, longest ago first."""
    query = select(*_COLUMNS).where(ABSENCES.c.settled_at.is_(None), ABSENCES.c.last_missed_at <= clock.now() - GAP)
    return [Absence(**row._asdict()) for row in session.execute(query.order_by(ABSENCES.c.last_missed_at).limit(limit))]


def listed(session: Session, *, limit: int, is_open: bool | None = None) -> list[Absence]:
    """Absences of the bound tenant, latest first: open ones, settled ones, or both."""
    query = select(*_COLUMNS).order_by(ABSENCES.c.last_missed_at.desc(), ABSENCES.c.issue_id)
    if is_open is not None:
        query = query.where(ABSENCES.c.settled_at.is_(None) == is_open)
    return [Absence(**row._asdict()) for row in session.execute(query.limit(limit))]


def open_by_project(session: Session) -> dict[str, int]:
    """How many stored issues of each project wait for a second look."""
    issue = table_of(entity("issue"))
    query = (
        select(issue.c.project_id)
        .join(ABSENCES, ABSENCES.c.issue_id == issue.c.id)
        .where(ABSENCES.c.settled_at.is_(None), issue.c.deleted_at.is_(None))
    )
    counted: dict[str, int] = {}
    for project_id in session.execute(query).scalars():
        counted[project_id] = counted.get(project_id, 0) + 1
    return counted


_COLUMNS = tuple(ABSENCES.c[name] for name in Absence.__dataclass_fields__)
