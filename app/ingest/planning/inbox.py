"""The durable inbox: Jira's deliveries, and the re-reads that polls and sweeps ask for.

A delivery is stored once by its identifier and marked done in the transaction of its rows. Claiming one counts as an
attempt before anything is tried, so a delivery that kills its worker is counted too. Deliveries that failed twice are
claimed alone, those that failed `MOST_ATTEMPTS` times are given up: none blocks the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Double,
    Text,
    bindparam,
    case,
    cast,
    func,
    literal,
    select,
    text,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert

from app import clock, ids, jobs
from app.catalog.conversion import clean
from app.ingest.planning.delivery_ids import happened_at, hints_of
from app.integrations import ledger
from app.sources import READ_BATCH
from app.store.schema import INBOX
from app.store.sync_tables import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Insert, Select

    from app.catalog.json_value import Json
    from app.conditions import Condition
    from app.store.session import Session

WEBHOOK, FAILED_LIST, POLL, SWEEP = "webhook", "failed list", "poll", "sweep"
"""Origins: Jira, Jira's list of failed webhooks, and two of our own."""
MOST_ATTEMPTS = 8
_TRUSTED_ATTEMPTS = 2
"""Attempts after which a delivery is claimed alone."""
_TAKEN_LEASE = timedelta(seconds=30)
"""Lease of a claimed delivery."""
_SOON = timedelta(seconds=3)
"""Time for which our own re-reads gather: no person waits for them."""
_LOOKED_AT = 500
_LONGEST_ID = 255


@dataclass(frozen=True)
class Delivery:
    """A claimed delivery."""

    id: str
    event: str
    hints: dict[str, Any]
    attempts: int
    """This one included."""

    @property
    def issues(self) -> list[str]:
        """The issues that it names."""
        issue_ids: list[str] = self.hints.get("issues", [])
        return issue_ids


class Arrival(NamedTuple):
    """A delivery of Jira's as it arrives."""

    id: str
    event: str
    body: Json


def keep(session: Session, delivery_id: str, event: str, body: Json, *, origin: str = WEBHOOK) -> bool:
    """Store a delivery's ids, once and only for a paired site; no personal data is kept. Returns whether it is new."""
    return keep_all(session, [Arrival(delivery_id, event, body)], origin=origin) == 1


def keep_all(session: Session, arrivals: Iterable[Arrival], *, origin: str) -> int:
    """Store the ids of deliveries, as `keep`, in one statement. Returns the number of new ones."""
    rows = [
        {
            "tenant_id": session.tenant_id,
            "delivery_id": delivery_id,
            "event": clean(arrival.event)[:_LONGEST_ID],
            "body": hints_of(arrival.event, arrival.body),
            "origin": origin,
            "happened_at": happened_at(arrival.body),
        }
        for delivery_id, arrival in {clean(arrival.id)[:_LONGEST_ID]: arrival for arrival in arrivals}.items()
    ]
    if not rows or ledger.of_tenant(session) is None:
        return 0
    statement = insert(INBOX)
    duplicate_count = INBOX.c.duplicates + 1 if origin == WEBHOOK else INBOX.c.duplicates
    statement = statement.on_conflict_do_update(
        index_elements=["tenant_id", "delivery_id"], set_={"duplicates": duplicate_count}
    )
    # A row that this statement inserted has no earlier version.
    new_count = list(session.execute(statement.returning(text("xmax = 0")), rows).scalars()).count(True)
    if new_count:
        session.enqueue(jobs.WEBHOOKS, str(session.tenant_id), once_as=f"{session.tenant_id}-{clock.epoch()}")
    return new_count


def ask(session: Session, issues: Iterable[str], *, origin: str) -> int:
    """Have issues read again, unless that is pending or they rest as unreadable. Returns their number."""
    unique_issues = dict.fromkeys(issues)
    if not unique_issues:
        return 0
    pending_query = select(func.jsonb_array_elements_text(INBOX.c.body["issues"])).where(
        INBOX.c.done_at.is_(None), INBOX.c.origin.in_((POLL, SWEEP))
    )
    resting_query = select(UNREADABLE.c.scope_id).where(
        UNREADABLE.c.entity == "issue", UNREADABLE.c.is_object.is_(True), UNREADABLE.c.retry_at > clock.now()
    )
    skipped_issues = set(session.execute(union_all(pending_query, resting_query)).scalars())
    new_issues = [issue_id for issue_id in unique_issues if issue_id not in skipped_issues]
    if new_issues:
        session.execute(_requests(session.tenant_id, new_issues, origin))
        soon = clock.now() + _SOON
        name = f"{session.tenant_id}-{int(soon.timestamp() // _SOON.total_seconds())}"
        session.park(jobs.REREAD, str(session.tenant_id), until=soon, once_as=name)
    return len(new_issues)


def _requests(tenant_id: UUID, issues: Sequence[str], origin: str) -> Insert:
    """One statement for any number of issues, `READ_BATCH` to a row; its parameters are two arrays."""
    bodies = [{"issues": issues[start : start + READ_BATCH]} for start in range(0, len(issues), READ_BATCH)]
    names = [f"{origin} {ids.new()}" for _ in bodies]
    batch = (
        func.unnest(cast(names, ARRAY(Text)), cast(bodies, ARRAY(JSONB))).table_valued("name", "body").render_derived()
    )
    columns = ["tenant_id", "delivery_id", "event", "origin", "body"]
    rows = select(literal(tenant_id), batch.c.name, literal(origin), literal(origin), batch.c.body)
    return insert(INBOX).from_select(columns, rows)


def is_own(is_ours: bool) -> ColumnElement[bool]:
    """Condition for our own re-reads, or for Jira's deliveries."""
    return INBOX.c.origin.in_((POLL, SWEEP)) if is_ours else INBOX.c.origin.in_((WEBHOOK, FAILED_LIST))


def take(session: Session, *, is_ours: bool, doubtful: bool = False) -> list[Delivery]:
    """Claim deliveries that are due, oldest first, with at most fifty issues together; a doubtful one alone."""
    now = clock.now()
    is_doubtful = INBOX.c.attempts >= _TRUSTED_ATTEMPTS
    candidates = session.execute(
        select(INBOX.c.delivery_id, INBOX.c.event, INBOX.c.body, INBOX.c.attempts)
        .where(INBOX.c.done_at.is_(None), INBOX.c.due_at <= now, is_own(is_ours))
        .where(is_doubtful if doubtful else ~is_doubtful)
        .order_by(INBOX.c.received_at)
        .limit(1 if doubtful else _LOOKED_AT)
        .with_for_update(skip_locked=True)
    ).all()
    deliveries = [Delivery(row.delivery_id, row.event, row.body, row.attempts + 1) for row in _fitting(candidates)]
    if deliveries:
        session.execute(_update(deliveries).values(attempts=INBOX.c.attempts + 1, due_at=now + _TAKEN_LEASE))
    return deliveries


def _fitting(candidates: Sequence[Any]) -> list[Any]:
    """As many rows as name at most fifty issues together."""
    batch: list[Any] = []
    issues: set[str] = set()
    for row in candidates:
        issue_union = issues.union(row.body["issues"])
        if batch and len(issue_union) > READ_BATCH:
            break
        batch.append(row)
        issues = issue_union
    return batch


def finish(session: Session, deliveries: Collection[Delivery], outcome: str = "read again") -> None:
    """Mark deliveries done; call it in the transaction of their rows."""
    session.execute(_update(deliveries).values(done_at=clock.now(), outcome=outcome, problem=None))


def put_back(session: Session, deliveries: Collection[Delivery]) -> None:
    """Return deliveries without an attempt: Jira or one of our servers was away."""
    session.execute(_update(deliveries).values(attempts=INBOX.c.attempts - 1, due_at=clock.now()))


def fail(session: Session, deliveries: Collection[Delivery], problem: Condition) -> None:
    """Schedule failed deliveries again, at growing intervals, or give them up."""
    now = clock.now()
    is_over = INBOX.c.attempts >= MOST_ATTEMPTS
    wait = func.make_interval(0, 0, 0, 0, 0, 0, func.least(func.power(2.0, INBOX.c.attempts), 600.0))
    session.execute(
        _update(deliveries).values(
            due_at=literal(now) + wait,
            problem=problem,
            done_at=case((is_over, now), else_=None),
            outcome=case((is_over, "given up"), else_=None),
        )
    )


def _update(deliveries: Collection[Delivery]) -> Any:  # noqa: ANN401 - SQLAlchemy's generic
    return update(INBOX).where(
        INBOX.c.delivery_id.in_([delivery.id for delivery in deliveries]), INBOX.c.done_at.is_(None)
    )


def waiting(session: Session, *, is_ours: bool) -> int:
    """Number of deliveries that are due now."""
    return int(session.execute(_waiting(is_ours=is_ours), {"now": clock.now()}).scalar_one())


@cache
def _waiting(*, is_ours: bool) -> Select[Any]:
    """The statement, built once: it runs before every batch."""
    is_due = (INBOX.c.done_at.is_(None), INBOX.c.due_at <= bindparam("now"), is_own(is_ours))
    return select(func.count()).select_from(INBOX).where(*is_due)


@dataclass(frozen=True)
class Hour:
    """Deliveries of one hour."""

    hour: datetime
    received: int
    duplicated: int
    """Repeated deliveries."""
    late: int
    """Deliveries received more than `LATE` after their event."""
    seconds: float | None
    """Mean time from their arrival until their rows were stored."""
    given_up: int


LATE = timedelta(seconds=30)
"""Atlassian's promise for events of a person."""


def by_hour(session: Session, *, since: datetime) -> list[Hour]:
    """Deliveries of the bound tenant by the hour of their arrival, newest first."""
    hour = func.date_trunc("hour", INBOX.c.received_at, "UTC").label("hour")
    took = cast(func.extract("epoch", INBOX.c.done_at - INBOX.c.received_at), Double)
    rows = session.execute(
        select(
            hour,
            func.count().label("received"),
            cast(func.sum(INBOX.c.duplicates), BigInteger).label("duplicated"),
            func.count().filter(INBOX.c.received_at - INBOX.c.happened_at > LATE).label("late"),
            func.avg(took).label("seconds"),
            func.count().filter(INBOX.c.outcome == "given up").label("given_up"),
        )
        .where(INBOX.c.received_at >= since, is_own(is_ours=False))
        .group_by(hour)
        .order_by(hour.desc())
    )
    return [Hour(**row._asdict()) for row in rows]
