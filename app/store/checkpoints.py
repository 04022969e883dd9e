"""The plan as rows: the chunks, their leases and their checkpoints.

A chunk is one walk of one endpoint. A claim gives it a lease; every page commits its rows and its checkpoint in one
transaction and only under that lease, so a worker that was presumed dead cannot overwrite its successor. A lease
expires without renewal, and the chunk can be claimed again at its last page.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, select, true, update
from sqlalchemy.dialects.postgresql import insert

from app import clock, ids
from app.catalog.language import OPEN_END
from app.errors import AppError
from app.store.schema import CHUNKS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Update

    from app.conditions import Condition
    from app.store.session import Session

LEASE = timedelta(seconds=15)
"""Life of a lease without renewal; a living worker renews it every third of that, however slow Jira is."""


class LeaseLost(AppError):
    """Another worker holds the chunk now; nothing of this page was written."""


_FRESH: dict[str, object] = {
    "state": "waiting",
    **dict.fromkeys(("seen", "reached", "page_offset", "attempts"), 0),
    **dict.fromkeys(("page_token", "expected", "problem", "started_at", "finished_at", "lease", "leased_until")),
}
"""The values of a chunk before its start."""


@dataclass(frozen=True)
class Wanted:
    """A chunk to plan: the entity, the scope of its walk, and its priority."""

    entity: str
    scope_id: str = ""
    priority: int = 50
    lower: int = 0
    upper: int = OPEN_END
    """Range of creation [lower, upper), epoch ms; a whole walk by default."""


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
    """The maximum of objects seen by any walk of it. Attempts are reset only beyond it; otherwise a walk that restarts
    every time would never run out of attempts."""
    expected: int | None
    attempts: int
    lease: UUID


def plan(session: Session, chunks: Iterable[Wanted], *, again: bool = False) -> int:
    """Add missing chunks; `again` restarts finished ones. Returns the number of chunks that wait because of it."""
    rows = [
        {
            "tenant_id": session.tenant_id,
            "id": ids.new(),
            "entity": chunk.entity,
            "scope_id": chunk.scope_id,
            "lower": chunk.lower,
            "upper": chunk.upper,
            "priority": chunk.priority,
            "state": "waiting",
            "due_at": clock.now(),
        }
        for chunk in {(chunk.entity, chunk.scope_id, chunk.lower): chunk for chunk in chunks}.values()
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
    """Move the checkpoint past a page, in the transaction of its rows. Returns the updated chunk. Raises LeaseLost."""
    next_chunk = _next_checkpoint(chunk, token=token, offset=offset, object_count=seen, expected_count=expected)
    values = {name: getattr(next_chunk, name) for name in _CHECKPOINT_COLUMNS}
    _change(session, chunk, **values, leased_until=clock.now() + LEASE, problem=None)
    return next_chunk


def _next_checkpoint(
    chunk: Chunk, *, object_count: int, token: str | None, offset: int, expected_count: int | None
) -> Chunk:
    total = chunk.seen + object_count
    return replace(
        chunk,
        page_token=token,
        page_offset=offset,
        seen=total,
        reached=max(chunk.reached, total),
        expected=expected_count,
        attempts=0 if total > chunk.reached else chunk.attempts,
    )


_CHECKPOINT_COLUMNS = ("page_token", "page_offset", "seen", "reached", "expected", "attempts")


def renew(session: Session, leases: Collection[UUID]) -> None:
    """Renew leases; a lease lost meanwhile stays lost."""
    session.execute(update(CHUNKS).where(CHUNKS.c.lease.in_(leases)).values(leased_until=clock.now() + LEASE))


def finish(
    session: Session, chunk: Chunk, *, seen: int = 0, expected: int | None = None, problem: Condition | None = None
) -> None:
    """Finish a walk with the last `seen` objects; `problem` if Jira's own count differs. Raises LeaseLost."""
    finish_all(session, [(chunk, seen, expected, problem)])


def finish_all(session: Session, walks: Sequence[tuple[Chunk, int, int | None, Condition | None]]) -> None:
    """Finish several walks: chunk, objects of its last page, expected count, problem. Raises LeaseLost."""
    now = clock.now()
    rows = [
        {
            **{
                name: getattr(
                    _next_checkpoint(
                        chunk, token=None, offset=0, object_count=object_count, expected_count=expected_count
                    ),
                    name,
                )
                for name in _CHECKPOINT_COLUMNS
            },
            "of": chunk.id,
            "under": chunk.lease,
            "problem": problem,
            "finished_at": now,
        }
        for chunk, object_count, expected_count, problem in walks
    ]
    result = session.execute(_finish_statement(), rows)
    if result.rowcount != len(rows):
        raise LeaseLost(", ".join(f"chunk {chunk.id}" for chunk, *_ in walks))


@cache
def _finish_statement() -> Update:
    values: dict[str, object] = {name: bindparam(name) for name in (*_CHECKPOINT_COLUMNS, "problem", "finished_at")}
    return (
        update(CHUNKS)
        .where(CHUNKS.c.id == bindparam("of"), CHUNKS.c.lease == bindparam("under"))
        .values(**values, state="done", lease=None, leased_until=None)
    )


def split(session: Session, chunk: Chunk, at: int) -> None:
    """Split a chunk at a moment of creation, epoch ms: it keeps the older part, a new chunk takes the other."""
    plan(session, [Wanted(chunk.entity, chunk.scope_id, chunk.priority, at, chunk.upper)], again=True)
    _change(session, chunk, **{**_FRESH, "upper": at, "due_at": clock.now()})


def walk_again(session: Session, entities: Collection[str], scope_ids: Collection[str] | None = None) -> int:
    """Restart the started and finished chunks of these scopes (None: all). Returns the number of chunks that wait."""
    is_begun = (CHUNKS.c.state != "waiting") | CHUNKS.c.lease.is_not(None) | CHUNKS.c.page_token.is_not(None)
    is_meant = CHUNKS.c.entity.in_(entities) & (true() if scope_ids is None else CHUNKS.c.scope_id.in_(scope_ids))
    return session.changed(update(CHUNKS).where(is_meant, is_begun).values(**_FRESH, due_at=clock.now()))


def walk_failed_again(session: Session, entity: str, scope_id: str) -> int:
    """Restart the chunks of a scope that failed or ended short. Returns their number."""
    is_failed = (CHUNKS.c.state == "failed") | ((CHUNKS.c.state == "done") & CHUNKS.c.problem.is_not(None))
    is_meant = (CHUNKS.c.entity == entity, CHUNKS.c.scope_id == scope_id, is_failed)
    return session.changed(update(CHUNKS).where(*is_meant).values(**_FRESH, due_at=clock.now()))


def is_waiting(session: Session, entity: str, scope_id: str) -> bool:
    """Whether a walk of a scope is under way or planned."""
    is_meant = (CHUNKS.c.entity == entity, CHUNKS.c.scope_id == scope_id, CHUNKS.c.state == "waiting")
    return session.execute(select(CHUNKS.c.id).where(*is_meant).limit(1)).first() is not None


def failed_scopes(session: Session, entity: str) -> set[str]:
    """The scopes with a failed walk."""
    query = select(CHUNKS.c.scope_id).where(CHUNKS.c.entity == entity, CHUNKS.c.state == "failed")
    return set(session.execute(query).scalars())


def make_due(session: Session) -> None:
    """Make the bound tenant's postponed chunks due at once."""
    now = clock.now()
    session.execute(update(CHUNKS).where(CHUNKS.c.state == "waiting", CHUNKS.c.due_at > now).values(due_at=now))


def forget(session: Session) -> None:
    """Delete the bound tenant's plan; holders of chunks lose their leases."""
    session.execute(delete(CHUNKS))


def release(session: Session, chunks: Sequence[Chunk]) -> None:
    """Release chunks at their checkpoints, for the next claim; a lease lost meanwhile stays lost."""
    is_held = CHUNKS.c.id.in_([chunk.id for chunk in chunks]) & CHUNKS.c.lease.in_({chunk.lease for chunk in chunks})
    session.execute(update(CHUNKS).where(is_held).values(lease=None, leased_until=None))


def postpone(session: Session, chunk: Chunk, *, until: datetime, problem: Condition, counts: bool) -> None:
    """Release the chunk until later, with the problem; `counts` if this was a failed attempt. Raises LeaseLost."""
    _change(
        session,
        chunk,
        lease=None,
        leased_until=None,
        due_at=until,
        problem=problem,
        attempts=CHUNKS.c.attempts + (1 if counts else 0),
    )


def restart(session: Session, chunk: Chunk, *, until: datetime, problem: Condition) -> None:
    """Restart the walk at its first page, at that time; upserts make the repetition harmless. Raises LeaseLost."""
    _change(
        session, chunk, lease=None, leased_until=None, page_token=None, page_offset=0, seen=0, problem=problem,
        attempts=CHUNKS.c.attempts + 1, due_at=until,
    )  # fmt: skip


def fail(session: Session, chunk: Chunk, *, problem: Condition) -> None:
    """Give the chunk up, with the problem. Raises LeaseLost."""
    _change(session, chunk, state="failed", finished_at=clock.now(), lease=None, leased_until=None, problem=problem)


def _change(session: Session, chunk: Chunk, **values: object) -> None:
    row_count = session.changed(
        update(CHUNKS).where(CHUNKS.c.id == chunk.id, CHUNKS.c.lease == chunk.lease).values(**values)
    )
    if row_count != 1:
        raise LeaseLost(f"chunk {chunk.id}")
