"""The plan as rows: which chunks there are, who holds one, how far it is.

A chunk is one walk of one endpoint. Claiming it draws a lease; every page commits its rows and its new place in one
transaction and only under that lease, so a worker that was thought dead cannot write over its successor. A lease that is
not renewed runs out, and the chunk is anybody's again at its last page.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import DateTime, Integer, Uuid, and_, bindparam, case, delete, func, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert

from app import clock, ids
from app.errors import AppError
from app.store.schema import CHUNKS, OPEN_END

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import BindParameter, ColumnElement, Update

    from app.store.session import Session

LEASE = timedelta(seconds=15)
"""How long a silent worker keeps a chunk; a living one renews it every third of that, however slow Jira is."""


class LeaseLost(AppError):
    """Somebody else holds the chunk now; nothing of this page was written."""


_FRESH: dict[str, object] = {
    "state": "waiting",
    **dict.fromkeys(("seen", "reached", "page_offset", "attempts"), 0),
    **dict.fromkeys(("page_token", "expected", "problem", "started_at", "finished_at", "lease", "leased_until")),
}
"""A chunk as it was planned."""


@dataclass(frozen=True)
class Wanted:
    """A chunk to plan: the entity, what its walk is repeated for, and how soon."""

    entity: str
    scope_id: str = ""
    priority: int = 50
    lower: int = 0
    upper: int = OPEN_END
    """Only what was created in [lower, upper), epoch ms; a whole walk by default."""


@dataclass(frozen=True)
class Chunk:
    """A claimed chunk at its checkpoint."""

    id: UUID
    entity: str
    scope_id: str
    lower: int
    upper: int
    priority: int
    page_token: str | None
    page_offset: int
    seen: int
    reached: int
    """The most that any walk of it has seen: only beyond that attempts begin anew, or a walk that is begun again each
    time would never run out of them."""
    expected: int | None
    attempts: int
    lease: UUID


def plan(session: Session, tenant_id: UUID, wanted: Iterable[Wanted], *, again: bool = False) -> int:
    """Add chunks that are not there yet; `again` restarts those that are done. Returns how many wait because of it."""
    rows = [
        {
            "tenant_id": tenant_id,
            "id": ids.new(),
            "entity": each.entity,
            "scope_id": each.scope_id,
            "lower": each.lower,
            "upper": each.upper,
            "priority": each.priority,
            "state": "waiting",
            "due_at": clock.now(),
        }
        for each in {(each.entity, each.scope_id, each.lower): each for each in wanted}.values()
    ]
    if not rows:
        return 0
    statement = insert(CHUNKS).values(rows)
    keys = ["tenant_id", "entity", "scope_id", "lower"]
    if again:
        statement = statement.on_conflict_do_update(
            index_elements=keys, set_={**_FRESH, "due_at": clock.now()}, where=CHUNKS.c.state != "waiting"
        )
    else:
        statement = statement.on_conflict_do_nothing(index_elements=keys)
    return len(session.execute(statement.returning(CHUNKS.c.id)).all())


def claim(session: Session, tenant_id: UUID, *, at_once: int, least: int = 0) -> Chunk | None:
    """Take the most urgent chunk that is due and free; None when there is none or `at_once` are held already.

    With `least`, what is no more urgent than that priority goes first where there is any.
    """
    now = clock.now()
    # One claimer at a time a tenant, or two could both see room for one more.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"claim {tenant_id}", 0))))
    of = {"now": now, "until": now + LEASE, "lease": ids.new(), "at_once": at_once}
    found = session.execute(_claiming(), of | {"least": least}).one_or_none()
    if found is None and least:
        found = session.execute(_claiming(), of | {"least": 0}).one_or_none()
    return Chunk(**{each.name: getattr(found, each.name) for each in fields(Chunk)}) if found else None


@cache
def _claiming() -> Update:
    """Built once: it runs for every list of every issue that is topped up."""
    now = bindparam("now", type_=DateTime(timezone=True))
    held = select(func.count()).where(CHUNKS.c.leased_until > now).scalar_subquery()
    urgent = (
        select(CHUNKS.c.id)
        .where(is_claimable(now), CHUNKS.c.priority >= bindparam("least", type_=Integer))
        .order_by(CHUNKS.c.priority, CHUNKS.c.upper.desc(), CHUNKS.c.due_at)
        .limit(1)
        .scalar_subquery()
    )
    return (
        update(CHUNKS)
        .where(CHUNKS.c.id == urgent, held < bindparam("at_once", type_=Integer))
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


def advance(
    session: Session, chunk: Chunk, *, token: str | None, offset: int, seen: int, expected: int | None
) -> Chunk:
    """Move the checkpoint past a page, in the transaction of its rows. Returns the chunk there. Raises LeaseLost."""
    moved = _past(chunk, token=token, offset=offset, seen=seen, expected=expected)
    changed = {name: getattr(moved, name) for name in _MOVING}
    _change(session, chunk, **changed, leased_until=clock.now() + LEASE, problem=None)
    return moved


def _past(chunk: Chunk, *, seen: int, token: str | None, offset: int, expected: int | None) -> Chunk:
    total = chunk.seen + seen
    return replace(
        chunk,
        page_token=token,
        page_offset=offset,
        seen=total,
        reached=max(chunk.reached, total),
        expected=expected,
        attempts=0 if total > chunk.reached else chunk.attempts,
    )


_MOVING = ("page_token", "page_offset", "seen", "reached", "expected", "attempts")


def renew(session: Session, leases: Collection[UUID]) -> None:
    """The holder of these is alive; what was lost meanwhile stays lost."""
    session.execute(update(CHUNKS).where(CHUNKS.c.lease.in_(leases)).values(leased_until=clock.now() + LEASE))


def finish(
    session: Session, chunk: Chunk, *, seen: int = 0, expected: int | None = None, problem: str | None = None
) -> None:
    """The walk came to its end with the last `seen` objects; `problem` where Jira counts otherwise. Raises LeaseLost."""
    moved = _past(chunk, token=None, offset=0, seen=seen, expected=expected)
    _change(
        session,
        chunk,
        **{name: getattr(moved, name) for name in _MOVING},
        state="done",
        finished_at=clock.now(),
        lease=None,
        leased_until=None,
        problem=problem,
    )


def split(session: Session, tenant_id: UUID, chunk: Chunk, at: int) -> None:
    """Halve a chunk at a moment of creation, epoch ms: it keeps what came before, a new one takes the rest."""
    plan(session, tenant_id, [Wanted(chunk.entity, chunk.scope_id, chunk.priority, at, chunk.upper)], again=True)
    _change(session, chunk, **{**_FRESH, "upper": at, "due_at": clock.now()})


def walk_again(session: Session, entities: Collection[str], scope_ids: Collection[str] | None = None) -> int:
    """Walk what is done or under way of these scopes (None: all) once more, all their ranges. Returns how many wait."""
    is_begun = (CHUNKS.c.state != "waiting") | CHUNKS.c.lease.is_not(None) | CHUNKS.c.page_token.is_not(None)
    is_meant = CHUNKS.c.entity.in_(entities) & (true() if scope_ids is None else CHUNKS.c.scope_id.in_(scope_ids))
    return session.changed(update(CHUNKS).where(is_meant, is_begun).values(**_FRESH, due_at=clock.now()))


def forget(session: Session) -> None:
    """Drop the bound tenant's plan; whoever holds a chunk finds its lease lost."""
    session.execute(delete(CHUNKS))


def release(session: Session, chunk: Chunk) -> None:
    """Give the chunk back at its checkpoint, for whoever comes next."""
    _change(session, chunk, lease=None, leased_until=None)


def postpone(session: Session, chunk: Chunk, *, until: datetime, problem: str, counts: bool) -> None:
    """Give the chunk back until later, saying why; `counts` where it was a failed attempt."""
    _change(
        session,
        chunk,
        lease=None,
        leased_until=None,
        due_at=until,
        problem=problem,
        attempts=CHUNKS.c.attempts + (1 if counts else 0),
    )


def restart(session: Session, chunk: Chunk, *, until: datetime, problem: str) -> None:
    """Begin the walk again from its first page, at that time: upserts make the repeat harmless."""
    _change(
        session, chunk, lease=None, leased_until=None, page_token=None, page_offset=0, seen=0, problem=problem,
        attempts=CHUNKS.c.attempts + 1, due_at=until,
    )  # fmt: skip


def fail(session: Session, chunk: Chunk, *, problem: str) -> None:
    """Give the chunk up, saying why. Raises LeaseLost."""
    _change(session, chunk, state="failed", finished_at=clock.now(), lease=None, leased_until=None, problem=problem)


def _change(session: Session, chunk: Chunk, **values: object) -> None:
    changed = session.changed(
        update(CHUNKS).where(CHUNKS.c.id == chunk.id, CHUNKS.c.lease == chunk.lease).values(**values)
    )
    if changed != 1:
        raise LeaseLost(f"chunk {chunk.id}")


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
