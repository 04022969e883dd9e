"""Claims of chunks, and the state of a plan."""

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

    from app.conditions import Condition
    from app.store.session import Session


_TRUSTED_ATTEMPTS = 2
"""Attempts after which a chunk is claimed alone."""


def claim(session: Session, *, at_once: int, min_priority: int = 0, limit: int = 1) -> list[Chunk]:
    """Claim the most urgent chunk, due and free; none if there is none or `at_once` claims are live already.

    With `min_priority`, chunks of that priority number or above go first, up to `limit` of them together under one lease, which
    counts as one claim. A chunk that failed twice is claimed alone: the death of a worker counts as an attempt for all
    chunks under its lease.
    """
    now = clock.now()
    # One claimer at a time a tenant; otherwise two could both see room for one more.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"claim {session.tenant_id}", 0))))
    parameters = {"now": now, "until": now + LEASE, "lease": ids.new(), "at_once": at_once}
    rows = session.execute(
        _claim_statement(), parameters | {"min_priority": min_priority, "limit": limit if min_priority else 1}
    ).all()
    if not rows and min_priority:
        rows = session.execute(_claim_statement(), parameters | {"min_priority": 0, "limit": 1}).all()
    return [Chunk(**{field.name: getattr(row, field.name) for field in fields(Chunk)}) for row in rows]


def has_room(session: Session, *, at_once: int) -> bool:
    """Whether fewer than `at_once` claims are live."""
    return bool(session.execute(select(_live_claims(clock.now()) < at_once)).scalar_one())


def is_any_due(session: Session) -> bool:
    """Whether a chunk could be claimed, given room."""
    return session.execute(select(CHUNKS.c.id).where(is_claimable(clock.now())).limit(1)).one_or_none() is not None


def _live_claims(now: datetime | BindParameter[datetime]) -> ScalarSelect[int]:
    """The number of live claims; several chunks under one lease are one claim."""
    return select(func.count(CHUNKS.c.lease.distinct())).where(CHUNKS.c.leased_until > now).scalar_subquery()


@cache
def _claim_statement() -> Update:
    """The statement of a claim, built once: it runs for every top-up of an issue."""
    now = bindparam("now", type_=DateTime(timezone=True))
    live_claims = _live_claims(now)
    min_priority, limit = bindparam("min_priority", type_=Integer), bindparam("limit", type_=Integer)
    is_trusted = (limit == 1) | (CHUNKS.c.attempts < _TRUSTED_ATTEMPTS)
    urgent = (
        select(CHUNKS.c.id)
        .where(is_claimable(now), CHUNKS.c.priority >= min_priority, is_trusted)
        .order_by(CHUNKS.c.priority, CHUNKS.c.upper.desc(), CHUNKS.c.due_at)
        .limit(limit)
    )
    return (
        update(CHUNKS)
        .where(CHUNKS.c.id.in_(urgent), live_claims < bindparam("at_once", type_=Integer))
        .values(
            lease=bindparam("lease", type_=Uuid),
            # An expired lease means that a worker died.
            attempts=CHUNKS.c.attempts + case((CHUNKS.c.leased_until.is_not(None), 1), else_=0),
            leased_until=bindparam("until", type_=DateTime(timezone=True)),
            started_at=func.coalesce(CHUNKS.c.started_at, now),
        )
        .returning(CHUNKS)
    )


def is_claimable(now: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """The condition of a free chunk: waiting, due, without a live lease."""
    return and_(
        CHUNKS.c.state == "waiting",
        CHUNKS.c.due_at <= now,
        or_(CHUNKS.c.leased_until.is_(None), CHUNKS.c.leased_until <= now),
    )


@dataclass(frozen=True)
class Standing:
    """The state of a tenant's plan."""

    waiting: int
    due: int
    failed: int
    done: int
    next_due: datetime | None


def standing(session: Session) -> Standing:
    """Count the bound tenant's chunks by state."""
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
    """The problem of a chunk: postponed, incomplete or given up."""

    entity: str
    scope_id: str
    state: str
    problem: Condition


def problems(session: Session, limit: int) -> list[Problem]:
    """The bound tenant's problems, given-up chunks first."""
    columns = [CHUNKS.c[field.name] for field in fields(Problem)]
    order = (CHUNKS.c.state != "failed", CHUNKS.c.entity, CHUNKS.c.scope_id, CHUNKS.c.lower)
    query = select(*columns).where(CHUNKS.c.problem.is_not(None)).order_by(*order).limit(limit)
    return [Problem(**row._mapping) for row in session.execute(query)]  # noqa: SLF001 - SQLAlchemy's public accessor


def is_counted(session: Session) -> bool:
    """Whether every waiting chunk of the bound tenant's issues has Jira's count."""
    uncounted_chunks = select(CHUNKS.c.id).where(
        CHUNKS.c.entity == "issue", CHUNKS.c.state == "waiting", CHUNKS.c.expected.is_(None)
    )
    return session.execute(uncounted_chunks.limit(1)).one_or_none() is None
