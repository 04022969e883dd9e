"""Absences: issues that a sweep did not see, and their causes.

    absent ──► second check, an hour later at the earliest
                 │ the search has it again ........ not indexed yet, nothing happened
                 │ a direct read answers .......... moved, archived, out of scope, or still not indexed
                 │ 404, the project is out of sight  permission lost: frozen, nothing is erased
                 └ 404, absent twice .............. deleted where there is evidence, else hidden

Jira answers 404 alike for deleted issues and for invisible ones. Evidence distinguishes them: the webhook of a deletion,
also one from the list of failed ones; the audit log where the app may read it; deletions of the issue's children.
Without any the issue is called hidden: that is easily undone if it shows up again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import ARRAY, Text, any_, case, cast, func, literal, null, select, union_all, update
from sqlalchemy.dialects.postgresql import insert

from app import clock
from app.catalog.registry import entity
from app.conditions import Code, Condition
from app.conditions.column import ConditionJson
from app.ingest.planning import inbox
from app.store import records
from app.store.sync_tables import ABSENCES
from app.store.tables import OUT_OF_SCOPE, is_live, table_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Cast, ColumnElement

    from app.store.session import Session

GAP = timedelta(hours=1)
"""Minimum interval between two checks: an index has lagged for minutes."""
UNKNOWN, DELETED, MOVED, ARCHIVED, HIDDEN = "unknown", "deleted", "moved", "archived", "hidden"
PERMISSION_LOST, NOT_INDEXED = "permission lost", "not indexed yet"


@dataclass(frozen=True)
class Absence:
    """An absent issue."""

    issue_id: str
    project_id: str | None
    cause: str
    evidence: Condition | None
    sweeps: int
    missed_at: datetime
    last_missed_at: datetime
    settled_at: datetime | None


def miss(session: Session, issues: Collection[str], *, evidence: Mapping[str, Condition] | None = None) -> int:
    """Record stored issues that a sweep did not see. Returns their number.

    `evidence` is known about an issue by its id.
    """
    issue, now = table_of(entity("issue")), clock.now()
    at = literal(now, ABSENCES.c.missed_at.type)
    is_stored = (issue.c.id == any_(_ids(issues)), issue.c.deleted_at.is_(None))
    statement = insert(ABSENCES).from_select(
        ["tenant_id", "issue_id", "project_id", "cause", "evidence", "missed_at", "last_missed_at"],
        select(
            literal(session.tenant_id),
            issue.c.id,
            issue.c.project_id,
            literal(UNKNOWN),
            _evidence_of(issue.c.id, evidence or {}),
            at,
            at,
        )
        .where(*is_stored)
        # Two sweeps at once lock the rows in one order.
        .order_by(issue.c.id),
    )
    is_new = ABSENCES.c.settled_at.is_not(None)
    is_due = ABSENCES.c.last_missed_at <= now - GAP
    return session.changed(
        statement.on_conflict_do_update(
            index_elements=["tenant_id", "issue_id"],
            set_={
                "project_id": statement.excluded.project_id,
                "sweeps": case((is_new, 1), (is_due, ABSENCES.c.sweeps + 1), else_=ABSENCES.c.sweeps),
                "cause": case((is_new, UNKNOWN), else_=ABSENCES.c.cause),
                "evidence": func.coalesce(statement.excluded.evidence, case((is_new, None), else_=ABSENCES.c.evidence)),
                "missed_at": case((is_new, now), else_=ABSENCES.c.missed_at),
                "last_missed_at": case((is_new | is_due, now), else_=ABSENCES.c.last_missed_at),
                "settled_at": None,
            },
        )
    )


def _ids(issues: Iterable[str]) -> Cast[Sequence[str]]:
    """Ids as one parameter, an array: a statement takes 65,535 parameters."""
    return cast(sorted(set(issues)), ARRAY(Text))


def _evidence_of(issue_id: ColumnElement[str], evidence: Mapping[str, Condition]) -> ColumnElement[Condition]:
    pieces = {key: literal(condition, ConditionJson) for key, condition in evidence.items()}
    return case(pieces, value=issue_id) if pieces else cast(null(), ConditionJson)


def settle(session: Session, issues: Collection[str], cause: str, *, evidence: Condition) -> None:
    """Settle issues with a cause, until they are missed again."""
    now = literal(clock.now(), ABSENCES.c.settled_at.type)
    issue_id = func.unnest(_ids(issues)).column_valued("issue_id")
    values = {"cause": literal(cause), "evidence": literal(evidence, ConditionJson), "settled_at": now}
    statement = insert(ABSENCES).from_select(
        ["tenant_id", "issue_id", "missed_at", "last_missed_at", *values],
        select(literal(session.tenant_id), issue_id, now, now, *values.values()),
    )
    session.execute(statement.on_conflict_do_update(index_elements=["tenant_id", "issue_id"], set_=values))


def seen_again(session: Session, issues: Collection[str]) -> None:
    """Settle absences of issues that were seen again: they were moved, or the index had lagged."""
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
    """Put tombstones on issues and their children, with the cause. Returns the number of issues.

    Linked issues, parents and children are read again: they show it too.
    """
    around = _around(session, issues)
    buried_count = records.bury(session, entity("issue"), issues, at=clock.now(), because=because)
    if buried_count:
        inbox.ask(session, around, origin=inbox.SWEEP)
    settle(session, issues, because, evidence=evidence)
    return buried_count


def bury_outside(session: Session, issues: Collection[str]) -> int:
    """Put tombstones on issues that the selection leaves out; stubs stay, since others name them. Returns their number."""
    issue = table_of(entity("issue"))
    query = select(issue.c.id).where(issue.c.id == any_(_ids(issues)), is_live(entity("issue")))
    live_ids = session.execute(query.order_by(issue.c.id)).scalars().all() if issues else []
    return bury(session, live_ids, OUT_OF_SCOPE, evidence=Condition(Code.OUT_OF_SCOPE)) if live_ids else 0


def _around(session: Session, issues: Collection[str]) -> list[str]:
    """Stored neighbours of issues: the other ends of their links, their parents and children.

    Two queries without a join: with old statistics PostgreSQL searched all links anew for every issue of the site, for seconds
    to minutes, under the tenant's lock.
    """
    issue, link = table_of(entity("issue")), table_of(entity("issue_link"))
    ends = union_all(
        select(link.c.destination_issue_id).where(link.c.issue_id.in_(issues), link.c.deleted_at.is_(None)),
        select(link.c.issue_id).where(link.c.destination_issue_id.in_(issues), link.c.deleted_at.is_(None)),
        select(issue.c.parent_id).where(issue.c.id.in_(issues), issue.c.parent_id.is_not(None)),
        select(issue.c.id).where(issue.c.parent_id.in_(issues)),
    )
    neighbours = {*session.execute(ends).scalars()} - {*issues}
    query = select(issue.c.id).where(issue.c.id.in_(neighbours), is_live(entity("issue")))
    return list(session.execute(query).scalars()) if neighbours else []


def due(session: Session, limit: int) -> list[Absence]:
    """Open absences that are due for a check, longest ago first."""
    query = select(*_COLUMNS).where(ABSENCES.c.settled_at.is_(None), ABSENCES.c.last_missed_at <= clock.now() - GAP)
    return [Absence(**row._asdict()) for row in session.execute(query.order_by(ABSENCES.c.last_missed_at).limit(limit))]


def listed(session: Session, *, limit: int, is_open: bool | None = None) -> list[Absence]:
    """Absences of the bound tenant, latest first: open ones, settled ones, or both."""
    query = select(*_COLUMNS).order_by(ABSENCES.c.last_missed_at.desc(), ABSENCES.c.issue_id)
    if is_open is not None:
        query = query.where(ABSENCES.c.settled_at.is_(None) == is_open)
    return [Absence(**row._asdict()) for row in session.execute(query.limit(limit))]


def open_by_project(session: Session) -> dict[str, int]:
    """Number of stored issues of each project with an open absence."""
    issue = table_of(entity("issue"))
    query = (
        select(issue.c.project_id)
        .join(ABSENCES, ABSENCES.c.issue_id == issue.c.id)
        .where(ABSENCES.c.settled_at.is_(None), issue.c.deleted_at.is_(None))
    )
    counts: dict[str, int] = {}
    for project_id in session.execute(query).scalars():
        counts[project_id] = counts.get(project_id, 0) + 1
    return counts


_COLUMNS = tuple(ABSENCES.c[name] for name in Absence.__dataclass_fields__)
