"""Who takes which chunk next, and how a plan stands."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import DateTime, Integer, Uuid, and_, bindparam, case, func, or_, select, update

from app import clock, ids
from app.store.checkpoints import LEASE, Chunk
from app.store.schema import CHUNKS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import BindParameter, ColumnElement, ScalarSelect, Update

    from app.store.session import Session


def claim(session: Session, *, at_once: int, least: int = 0, most: int = 1) -> list[Chunk]:
    """Take the most urgent chunk that is due and free; none when there is none or `at_once` are held already.

    With `least`, what is no more urgent than that priority goes first, and up to `most` such chunks come together, under
    one lease that counts as one.
    """
    now = clock.now()
    # One claimer at a time a tenant, or two could both see room for one more.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"claim {session.tenant_id}", 0))))
    of = {"now": now, "until": now + LEASE, "lease": ids.new(), "at_once": at_once}
    found = session.execute(_claiming(), of | {"least": least, "most": most if least else 1}).all()
    if not found and least:
        found = session.execute(_claiming(), of | {"least": 0, "most": 1}).all()
    return [Chunk(**{each.name: getattr(row, each.name) for each in fields(Chunk)}) for row in found]


def has_room(session: Session, *, at_once: int) -> bool:
    """Whether fewer than `at_once` are held."""
    return bool(session.execute(select(_held(clock.now()) < at_once)).scalar_one())


def is_any_due(session: Session) -> bool:
    """Whether something could be claimed, were there room."""
    return session.execute(select(CHUNKS.c.id).where(is_claimable(clock.now())).limit(1)).one_or_none() is not None


def _held(now: datetime | BindParameter[datetime]) -> ScalarSelect[int]:
    """How many claims live; several chunks under one lease are one."""
    return select(func.count(CHUNKS.c.lease.distinct())).where(CHUNKS.c.leased_until > now).scalar_subquery()


@cache
def _claiming() -> Update:
    """Built once: it runs for every list of every issue that is topped up."""
    now = bindparam("now", type_=DateTime(timezone=True))
    held = _held(now)
    urgent = (
        select(CHUNKS.c.id)
        .where(is_claimable(now), CHUNKS.c.priority >= bindparam("least", type_=Integer))
        .order_by(CHUNKS.c.priority, CHUNKS.c.upper.desc(), CHUNKS.c.due_at)
        .limit(bindparam("most", type_=Integer))
    )
    return (
        update(CHUNKS)
        .where(CHUNKS.c.id.in_(urgent), held < bindparam("at_once", type_=Integer))
        .values(
            lease=bindparam("lease", type_=Uuid),
            # A lease that ran out was a worker that died.
            attempts=CHUNKS.c.attempts + case((CHUNKS.c.leased_until.is_not(None), 1), else_=0),
            leased_until=bindparam("until", type_=DateTime(timezone=True)),
            started_at=func.coalesce(CHUNKS.c.started_at, now),
        )
        .returning(CHUNKS)
    )


def is_claimable(now: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """Waiting, due, and held by nobody alive."""
    return and_(
        CHUNKS.c.state == "waiting",
        CHUNKS.c.due_at <= now,
        or_(CHUNKS.c.leased_until.is_(None), CHUNKS.c.leased_until <= now),
    )


@dataclass(frozen=True)
class Standing:
    """How a tenant's plan stands."""

    waiting: int
    due: int
    failed: int
    done: int
    next_due: datetime | None


def standing(session: Session) -> Standing:
    """Counts over the bound tenant's chunks."""
    now = clock.now()
    row: Sequence[Any] = session.execute(
        select(
            func.count().filter(CHUNKS.c.state == "waiting"),
            func.count().filter(is_claimable(now)),
            func.count().filter(CHUNKS.c.state == "failed"),
            func.count().filter(CHUNKS.c.state == "done"),
            func.min(func.greatest(CHUNKS.c.due_at, func.coalesce(CHUNKS.c.leased_until, CHUNKS.c.due_at))).filter(
                CHUNKS.c.state == "waiting"
            ),
        )
    ).one()
    return Standing(*row)


@dataclass(frozen=True)
class Problem:
    """A chunk that waits because of something, stayed short, or was given up."""

    entity: str
    scope_id: str
    state: str
    problem: str


def problems(session: Session, limit: int) -> list[Problem]:
    """The bound tenant's, what was given up first."""
    columns = [CHUNKS.c[each.name] for each in fields(Problem)]
    ordered = (CHUNKS.c.state != "failed", CHUNKS.c.entity, CHUNKS.c.scope_id, CHUNKS.c.lower)
    query = select(*columns).where(CHUNKS.c.problem.is_not(None)).order_by(*ordered).limit(limit)
    return [Problem(**row._mapping) for row in session.execute(query)]  # noqa: SLF001 - SQLAlchemy's public accessor


def is_counted(session: Session) -> bool:
    """Whether Jira has counted every part of the bound tenant's issues that is still to be walked."""
    uncounted = select(CHUNKS.c.id).where(
        CHUNKS.c.entity == "issue", CHUNKS.c.state == "waiting", CHUNKS.c.expected.is_(None)
    )
    return session.execute(uncounted.limit(1)).one_or_none() is None
