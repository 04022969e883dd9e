"""The plan as rows: which chunks there are, who holds one, how far it is.

A chunk is one walk of one endpoint. Claiming it draws a lease; every page commits its rows and its new place in one
transaction and only under that lease, so a worker that was thought dead cannot write over its successor. A lease that is
not renewed runs out, and the chunk is anybody's again at its last page.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, true, update
from sqlalchemy.dialects.postgresql import insert

from app import clock, ids
from app.errors import AppError
from app.store.schema import CHUNKS, OPEN_END

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Update

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


def plan(session: Session, wanted: Iterable[Wanted], *, again: bool = False) -> int:
    """Add chunks that are not there yet; `again` restarts those that are done. Returns how many wait because of it."""
    rows = [
        {
            "tenant_id": session.tenant_id,
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
    statement = insert(CHUNKS)
    keys = ["tenant_id", "entity", "scope_id", "lower"]
    if again:
        statement = statement.on_conflict_do_update(
            index_elements=keys, set_={**_FRESH, "due_at": clock.now()}, where=CHUNKS.c.state != "waiting"
        )
    else:
        statement = statement.on_conflict_do_nothing(index_elements=keys)
    return len(session.execute(statement.returning(CHUNKS.c.id), rows).all())


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
    finish_all(session, [(chunk, seen, expected, problem)])


def finish_all(session: Session, ended: Sequence[tuple[Chunk, int, int | None, str | None]]) -> None:
    """Several walks came to their ends: chunk, objects of its last page, expected, problem. Raises LeaseLost."""
    now = clock.now()
    rows = [
        {
            **{
                name: getattr(_past(chunk, token=None, offset=0, seen=seen, expected=expected), name)
                for name in _MOVING
            },
            "of": chunk.id,
            "under": chunk.lease,
            "problem": problem,
            "finished_at": now,
        }
        for chunk, seen, expected, problem in ended
    ]
    done = session.execute(_finishing(), rows)
    if done.rowcount != len(rows):
        raise LeaseLost(", ".join(f"chunk {chunk.id}" for chunk, *_ in ended))


@cache
def _finishing() -> Update:
    values: dict[str, object] = {name: bindparam(name) for name in (*_MOVING, "problem", "finished_at")}
    return (
        update(CHUNKS)
        .where(CHUNKS.c.id == bindparam("of"), CHUNKS.c.lease == bindparam("under"))
        .values(**values, state="done", lease=None, leased_until=None)
    )


def split(session: Session, chunk: Chunk, at: int) -> None:
    """Halve a chunk at a moment of creation, epoch ms: it keeps what came before, a new one takes the rest."""
    plan(session, [Wanted(chunk.entity, chunk.scope_id, chunk.priority, at, chunk.upper)], again=True)
    _change(session, chunk, **{**_FRESH, "upper": at, "due_at": clock.now()})


def walk_again(session: Session, entities: Collection[str], scope_ids: Collection[str] | None = None) -> int:
    """Walk what is done or under way of these scopes (None: all) once more, all their ranges. Returns how many wait."""
    is_begun = (CHUNKS.c.state != "waiting") | CHUNKS.c.lease.is_not(None) | CHUNKS.c.page_token.is_not(None)
    is_meant = CHUNKS.c.entity.in_(entities) & (true() if scope_ids is None else CHUNKS.c.scope_id.in_(scope_ids))
    return session.changed(update(CHUNKS).where(is_meant, is_begun).values(**_FRESH, due_at=clock.now()))


def make_due(session: Session) -> None:
    """Let the bound tenant's chunks that wait for a later moment be taken now."""
    now = clock.now()
    session.execute(update(CHUNKS).where(CHUNKS.c.state == "waiting", CHUNKS.c.due_at > now).values(due_at=now))


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
