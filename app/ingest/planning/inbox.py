"""The durable inbox: what Jira says has changed, and what our own sweeps found to be read again.

A delivery is kept once by its identifier and marked done in the transaction of the rows that it brought. Taking one
counts as an attempt before anything is tried, so that one that kills its worker is counted too. Deliveries that failed
twice are taken alone, those that failed `MOST_ATTEMPTS` times are given up: none holds up the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, ColumnElement, Double, case, cast, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert

from app import clock, ids, jobs
from app.catalog.extract import clean
from app.ingest.planning.delivery_ids import happened_at, hints_of
from app.integrations import ledger
from app.sources import READ_BATCH
from app.store.schema import INBOX

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from app.catalog.json_value import Json
    from app.conditions import Condition
    from app.store.session import Session

WEBHOOK, FAILED_LIST, POLL, SWEEP = "webhook", "failed list", "poll", "sweep"
"""Who says that something changed: Jira, Jira's list of what it could not deliver, and two of us."""
MOST_ATTEMPTS = 8
_TRUSTED = 2
"""Attempts after which a delivery is taken alone."""
_HELD = timedelta(seconds=30)
"""How long a taken delivery is left to whoever took it."""
_SOON = timedelta(seconds=3)
"""Within which what our own sweeps ask for is read together: nobody waits for it."""
_LOOKED_AT = 500
_LONGEST_ID = 255


@dataclass(frozen=True)
class Delivery:
    """A delivery that was taken."""

    id: str
    event: str
    hints: dict[str, Any]
    attempts: int
    """This one included."""

    @property
    def issues(self) -> list[str]:
        """The issues that it names."""
        found: list[str] = self.hints.get("issues", [])
        return found


def keep(session: Session, delivery_id: str, event: str, body: Json, *, origin: str = WEBHOOK) -> bool:
    """Keep a delivery's ids, once and only for a paired site; nothing personal is kept. Returns whether it is new."""
    if ledger.of_tenant(session) is None:
        return False
    statement = insert(INBOX).values(
        tenant_id=session.tenant_id,
        delivery_id=delivery_id,
        event=clean(event)[:_LONGEST_ID],
        body=hints_of(event, body),
        origin=origin,
        happened_at=happened_at(body),
    )
    counted = {"duplicates": INBOX.c.duplicates + 1} if origin == WEBHOOK else {"duplicates": INBOX.c.duplicates}
    statement = statement.on_conflict_do_update(index_elements=["tenant_id", "delivery_id"], set_=counted)
    # A row that this statement inserted has no earlier version.
    is_new = bool(session.execute(statement.returning(text("xmax = 0"))).scalar_one())
    if is_new:
        session.enqueue(jobs.WEBHOOKS, str(session.tenant_id), once_as=f"{session.tenant_id}-{clock.epoch()}")
    return is_new


def ask(session: Session, issues: Iterable[str], *, origin: str) -> int:
    """Have issues read again that nobody waits to read already. Returns how many are asked for."""
    wanted = dict.fromkeys(issues)
    if not wanted:
        return 0
    asked = select(func.jsonb_array_elements_text(INBOX.c.body["issues"])).where(
        INBOX.c.done_at.is_(None), INBOX.c.origin.in_((POLL, SWEEP))
    )
    found = [each for each in wanted if each not in set(session.execute(asked).scalars())]
    rows = [
        {
            "tenant_id": session.tenant_id,
            "delivery_id": f"{origin} {ids.new()}",
            "event": origin,
            "origin": origin,
            "body": {"issues": found[start : start + READ_BATCH]},
        }
        for start in range(0, len(found), READ_BATCH)
    ]
    if rows:
        session.execute(INBOX.insert(), rows)
        soon = clock.now() + _SOON
        name = f"{session.tenant_id}-{int(soon.timestamp() // _SOON.total_seconds())}"
        session.park(jobs.REREAD, str(session.tenant_id), until=soon, once_as=name)
    return len(found)


def is_own(own: bool) -> ColumnElement[bool]:
    """Deliveries of our own sweeps, or those of Jira."""
    return INBOX.c.origin.in_((POLL, SWEEP)) if own else INBOX.c.origin.in_((WEBHOOK, FAILED_LIST))


def take(session: Session, *, own: bool, doubtful: bool = False) -> list[Delivery]:
    """Take deliveries that are due, oldest first, that name at most fifty issues together; a doubtful one alone."""
    now = clock.now()
    is_doubtful = INBOX.c.attempts >= _TRUSTED
    waiting = session.execute(
        select(INBOX.c.delivery_id, INBOX.c.event, INBOX.c.body, INBOX.c.attempts)
        .where(INBOX.c.done_at.is_(None), INBOX.c.due_at <= now, is_own(own))
        .where(is_doubtful if doubtful else ~is_doubtful)
        .order_by(INBOX.c.received_at)
        .limit(1 if doubtful else _LOOKED_AT)
        .with_for_update(skip_locked=True)
    ).all()
    taken = [Delivery(row.delivery_id, row.event, row.body, row.attempts + 1) for row in _fitting(waiting)]
    if taken:
        session.execute(_update(taken).values(attempts=INBOX.c.attempts + 1, due_at=now + _HELD))
    return taken


def _fitting(waiting: Sequence[Any]) -> list[Any]:
    """As many rows as name at most fifty issues together."""
    batch: list[Any] = []
    issues: set[str] = set()
    for row in waiting:
        more = issues.union(row.body["issues"])
        if batch and len(more) > READ_BATCH:
            break
        batch.append(row)
        issues = more
    return batch


def finish(session: Session, taken: Collection[Delivery], outcome: str = "read again") -> None:
    """They are done; call it in the transaction of the rows that they brought."""
    session.execute(_update(taken).values(done_at=clock.now(), outcome=outcome, problem=None))


def put_back(session: Session, taken: Collection[Delivery]) -> None:
    """Nothing was tried: Jira or one of our servers was not to be had. The attempt does not count."""
    session.execute(_update(taken).values(attempts=INBOX.c.attempts - 1, due_at=clock.now()))


def fail(session: Session, taken: Collection[Delivery], problem: Condition) -> None:
    """They could not be applied: tried again later, at growing intervals, and given up in the end."""
    now = clock.now()
    is_over = INBOX.c.attempts >= MOST_ATTEMPTS
    wait = func.make_interval(0, 0, 0, 0, 0, 0, func.least(func.power(2.0, INBOX.c.attempts), 600.0))
    session.execute(
        _update(taken).values(
            due_at=literal(now) + wait,
            problem=problem,
            done_at=case((is_over, now), else_=None),
            outcome=case((is_over, "given up"), else_=None),
        )
    )


def _update(taken: Collection[Delivery]) -> Any:  # noqa: ANN401 - SQLAlchemy's generic
    return update(INBOX).where(INBOX.c.delivery_id.in_([each.id for each in taken]), INBOX.c.done_at.is_(None))


def waiting(session: Session, *, own: bool) -> int:
    """How many deliveries are due now."""
    is_due = (INBOX.c.done_at.is_(None), INBOX.c.due_at <= clock.now(), is_own(own))
    return int(session.execute(select(func.count()).select_from(INBOX).where(*is_due)).scalar_one())


@dataclass(frozen=True)
class Hour:
    """What Jira delivered in an hour."""

    hour: datetime
    received: int
    duplicated: int
    """Deliveries that Jira sent again."""
    late: int
    """Received more than `LATE` after they happened."""
    seconds: float | None
    """Mean time from their arrival until their rows were stored."""
    given_up: int


LATE = timedelta(seconds=30)
"""What Atlassian promises for events that a person caused."""


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
        .where(INBOX.c.received_at >= since, is_own(own=False))
        .group_by(hour)
        .order_by(hour.desc())
    )
    return [Hour(**row._asdict()) for row in rows]
