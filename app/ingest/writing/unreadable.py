"""Unreadable parts: lists and objects that can't be had while the rest of the site can.

A finding of a source about one part (`app.sources.outcomes`) is set aside here: stored with its reason, shown, tried again
at growing intervals, and cleared when the part is read. Nothing else waits for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import case, delete, exists, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from app import clock
from app.conditions import Code, Condition
from app.integrations import ledger
from app.integrations.model import State
from app.sources import Broken, Gone, NotForUs, NotOffered
from app.store import records
from app.store.sync_tables import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from sqlalchemy import ColumnElement, Select

    from app.sources import Finding
    from app.sources.answers import IssueRead
    from app.store.session import Session

_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=10), timedelta(days=1)
"""Pauses between two tries: each is four times the one before."""
_GROWTH, _MOST_STEPS = 4.0, 4


class Part(NamedTuple):
    """A list of an entity in a scope (empty: the site), or a single object by its id."""

    entity: str
    scope_id: str
    is_object: bool = False


@dataclass(frozen=True)
class UnreadablePart:
    """A stored part; moments are UTC."""

    entity: str
    scope_id: str
    is_object: bool
    reason: Condition
    tries: int
    since: datetime
    retry_at: datetime


def reason_of(finding: Finding) -> Condition:
    """The stored condition of a finding. A part that is gone isn't unreadable: its caller buries it or lets it go."""
    match finding:
        case NotOffered(failure):
            return Condition(Code.NOT_OFFERED, why=failure.condition)
        case NotForUs(failure):
            return Condition(Code.NOT_FOR_US, why=failure.condition)
        case Broken(failure) | Gone(failure):
            return Condition(Code.PART_BROKEN, why=failure.condition)


def set_aside(session: Session, part: Part, finding: Finding) -> None:
    """Store a finding about a part, or count one more try of it, and schedule the next.

    Findings before the next try count as one with the last: a walk over issues asks about a board many times.
    """
    now = clock.now()
    row = {
        "tenant_id": session.tenant_id,
        **part._asdict(),
        "reason": reason_of(finding),
        "since": now,
        "retry_at": now + _FIRST_PAUSE,
    }
    is_due = UNREADABLE.c.retry_at <= now
    growth = func.power(_GROWTH, func.least(UNREADABLE.c.tries, _MOST_STEPS))
    seconds = func.least(growth * _FIRST_PAUSE.total_seconds(), _LONGEST_PAUSE.total_seconds())
    pause = func.make_interval(0, 0, 0, 0, 0, 0, seconds)
    session.execute(
        insert(UNREADABLE)
        .values(row)
        .on_conflict_do_update(
            index_elements=["tenant_id", "entity", "is_object", "scope_id"],
            set_={
                "reason": row["reason"],
                "tries": case((is_due, UNREADABLE.c.tries + 1), else_=UNREADABLE.c.tries),
                "retry_at": case((is_due, literal(now) + pause), else_=UNREADABLE.c.retry_at),
            },
        )
    )
    _count_anew(session)


def note_issues(session: Session, issue_read: IssueRead, parsed_ids: Collection[str]) -> None:
    """Set aside the issues of a read that can't be had, and forget those that have rows or are gone."""
    set_issues_aside(session, issue_read.unreadable)
    clear(session, "issue", [*parsed_ids, *issue_read.gone_ids], is_object=True)


def set_issues_aside(session: Session, findings: Mapping[str, Finding]) -> None:
    """Set issues aside, by id."""
    for issue_id, finding in findings.items():
        set_aside(session, Part("issue", issue_id, is_object=True), finding)


def clear(session: Session, entity: str, scope_ids: Collection[str], *, is_object: bool = False) -> None:
    """Forget parts that were read, or that are gone."""
    if scope_ids:
        is_read = (
            UNREADABLE.c.entity == entity,
            UNREADABLE.c.is_object.is_(is_object),
            UNREADABLE.c.scope_id.in_(list(scope_ids)),
        )
        if session.changed(delete(UNREADABLE).where(*is_read)):
            _count_anew(session)


def is_resting(entity: ColumnElement[str], scope_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Condition: the list of that entity and scope is unreadable, and its next try isn't due yet."""
    return _is_list_in(entity, scope_id, UNREADABLE.c.retry_at > clock.now())


def is_due(entity: ColumnElement[str], scope_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Condition: the list of that entity and scope is unreadable, and its next try is due."""
    return _is_list_in(entity, scope_id, UNREADABLE.c.retry_at <= clock.now())


def _is_list_in(
    entity: ColumnElement[str], scope_id: ColumnElement[str], condition: ColumnElement[bool]
) -> ColumnElement[bool]:
    is_list = (UNREADABLE.c.entity == entity, UNREADABLE.c.scope_id == scope_id, UNREADABLE.c.is_object.is_(False))
    return exists().where(*is_list, condition)


def is_set_aside(session: Session, part: Part) -> bool:
    """Whether a part was unreadable at its last try."""
    columns = (UNREADABLE.c[name] == value for name, value in part._asdict().items())
    return session.execute(select(UNREADABLE.c.tries).where(*columns)).first() is not None


def objects_of(session: Session, entity: str, object_ids: Collection[str]) -> set[str]:
    """The unreadable ones among some objects of an entity."""
    query = select(UNREADABLE.c.scope_id).where(UNREADABLE.c.entity == entity, UNREADABLE.c.is_object.is_(True))
    return set(session.execute(query).scalars()) & set(object_ids)


def scopes_of(entity: str) -> Select[tuple[str]]:
    """Query: the scopes whose list of an entity is unreadable."""
    return select(UNREADABLE.c.scope_id).where(UNREADABLE.c.entity == entity, UNREADABLE.c.is_object.is_(False))


def due(session: Session, limit: int, *, is_object: bool = False) -> list[Part]:
    """Parts that are due for another try, in any order: none that stays due keeps the others waiting."""
    query = select(UNREADABLE.c.entity, UNREADABLE.c.scope_id, UNREADABLE.c.is_object).where(
        UNREADABLE.c.is_object.is_(is_object), UNREADABLE.c.retry_at <= clock.now()
    )
    return [Part(**row._asdict()) for row in session.execute(query.order_by(func.random()).limit(limit))]


def make_due(session: Session) -> None:
    """Have every part tried again with the next refresh: somebody may have mended it."""
    session.execute(update(UNREADABLE).values(retry_at=func.least(UNREADABLE.c.retry_at, clock.now())))


def listed(session: Session, *, limit: int) -> list[UnreadablePart]:
    """The unreadable parts of the bound tenant, oldest first."""
    columns = [UNREADABLE.c[name] for name in UnreadablePart.__dataclass_fields__]
    query = select(*columns).order_by(UNREADABLE.c.since, UNREADABLE.c.entity, UNREADABLE.c.scope_id).limit(limit)
    return [UnreadablePart(**row._asdict()) for row in session.execute(query)]


def _count_anew(session: Session) -> None:
    """Bring the number of parts into a healthy state. Counted under the integration's lock, which every change takes."""
    # The write lock first, as in a verification: a transaction that sets parts aside may write rows afterwards.
    records.lock_for_writing(session)
    integration = ledger.of_tenant(session, lock=True)
    if integration is not None and integration.state is State.HEALTHY:
        ledger.move_to(session, integration.id, State.HEALTHY, reason=reservation(session))


def reservation(session: Session) -> Condition | None:
    """The number of parts that can't be had, as the reason of a healthy state; None where there are none."""
    part_count = count(session)
    return Condition(Code.PARTS_UNREAD, parts=part_count) if part_count else None


def count(session: Session) -> int:
    """The number of unreadable parts of the bound tenant."""
    return int(session.execute(select(func.count()).select_from(UNREADABLE)).scalar_one())
