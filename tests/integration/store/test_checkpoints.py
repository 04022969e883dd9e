"""Chunks are claimed by one worker, renewed by its pages, and released when it dies."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from app import clock
from app.conditions import Code, Condition
from app.store import checkpoints, claims
from app.store.checkpoints import LeaseLost, Wanted
from app.store.schema import CHUNKS
from tests.factories import an_installed_site

if TYPE_CHECKING:
    from uuid import UUID

    from app.runtime import Runtime
    from app.store.checkpoints import Chunk


@pytest.fixture
def tenant_id(parts: Runtime) -> UUID:
    return an_installed_site(parts).tenant_id


def plan(parts: Runtime, tenant_id: UUID, *chunks: Wanted, is_repeat: bool = False) -> int:
    with parts.store.bound_to(tenant_id) as session:
        return checkpoints.plan(session, chunks, again=is_repeat)


def claim(parts: Runtime, tenant_id: UUID, at_once: int = 8) -> Chunk | None:
    with parts.store.bound_to(tenant_id) as session:
        return next(iter(claims.claim(session, at_once=at_once)), None)


def expire_leases(parts: Runtime, tenant_id: UUID) -> None:
    with parts.store.bound_to(tenant_id) as session:
        session.execute(
            update(CHUNKS)
            .where(CHUNKS.c.leased_until.is_not(None))
            .values(leased_until=clock.now() - timedelta(seconds=1))
        )


def test_the_most_urgent_chunk_goes_first(parts: Runtime, tenant_id: UUID) -> None:
    plan(parts, tenant_id, Wanted("issue", "1", 30), Wanted("field", "", 0), Wanted("sprint", "8", 40))
    assert [chunk.entity for _ in range(3) if (chunk := claim(parts, tenant_id))] == ["field", "issue", "sprint"]
    assert claim(parts, tenant_id) is None


def test_a_chunk_that_is_planned_twice_is_one(parts: Runtime, tenant_id: UUID) -> None:
    assert plan(parts, tenant_id, Wanted("issue", "1"), Wanted("issue", "1")) == 1
    assert plan(parts, tenant_id, Wanted("issue", "1")) == 0


def test_many_claimers_at_once_share_without_doubles_and_within_the_limit(parts: Runtime, tenant_id: UUID) -> None:
    plan(parts, tenant_id, *(Wanted("issue", str(number)) for number in range(40)))
    with ThreadPoolExecutor(16) as pool:
        claimed_chunks = [chunk for chunk in pool.map(lambda _: claim(parts, tenant_id, at_once=5), range(40)) if chunk]
    assert len(claimed_chunks) == len({chunk.id for chunk in claimed_chunks}) == 5


def test_half_of_the_threads_take_what_can_wait_first_and_other_chunks_when_there_is_no_such(
    parts: Runtime, tenant_id: UUID
) -> None:
    plan(parts, tenant_id, Wanted("issue", "1", priority=30), *(Wanted("comment", scope_id) for scope_id in "23"))
    with parts.store.bound_to(tenant_id) as session:
        rounds = [claims.claim(session, at_once=5, min_priority=45, limit=8) for _ in range(3)]
    assert [[chunk.entity for chunk in chunks] for chunks in rounds] == [["comment", "comment"], ["issue"], []]
    assert rounds[0][0].lease == rounds[0][1].lease, "chunks that are claimed together share a lease"


def test_a_dead_holders_chunk_goes_on_at_its_last_page(parts: Runtime, tenant_id: UUID) -> None:
    plan(parts, tenant_id, Wanted("issue", "1"))
    first = claim(parts, tenant_id)
    assert first is not None
    with parts.store.bound_to(tenant_id) as session:
        checkpoints.advance(session, first, token="page-2", offset=0, seen=100, expected=250)
    expire_leases(parts, tenant_id)
    second = claim(parts, tenant_id)
    assert second is not None
    assert (second.page_token, second.seen, second.expected) == ("page-2", 100, 250)
    assert second.attempts == 1
    with pytest.raises(LeaseLost), parts.store.bound_to(tenant_id) as session:
        checkpoints.advance(session, first, token="page-3", offset=0, seen=100, expected=250)


def test_a_page_of_a_lost_lease_is_rolled_back_whole(parts: Runtime, tenant_id: UUID) -> None:
    plan(parts, tenant_id, Wanted("issue", "1"))
    first = claim(parts, tenant_id)
    assert first is not None
    expire_leases(parts, tenant_id)
    assert claim(parts, tenant_id) is not None

    def store_a_page() -> None:
        with parts.store.bound_to(tenant_id) as session:
            checkpoints.plan(session, [Wanted("comment", "10063")])
            checkpoints.finish(session, first)

    with pytest.raises(LeaseLost):
        store_a_page()
    with parts.store.bound_to(tenant_id) as session:
        assert claims.standing(session).waiting == 1


def test_a_postponed_chunk_waits_and_says_why(parts: Runtime, tenant_id: UUID) -> None:
    plan(parts, tenant_id, Wanted("issue", "1"))
    chunk = claim(parts, tenant_id)
    assert chunk is not None
    due = clock.now() + timedelta(minutes=7)
    with parts.store.bound_to(tenant_id) as session:
        checkpoints.postpone(session, chunk, until=due, problem=Condition(Code.FIELDS_AWAITED), counts=False)
    assert claim(parts, tenant_id) is None
    with parts.store.bound_to(tenant_id) as session:
        assert claims.standing(session).next_due == due


def test_what_is_done_is_walked_again_only_when_asked(parts: Runtime, tenant_id: UUID) -> None:
    plan(parts, tenant_id, Wanted("status"))
    chunk = claim(parts, tenant_id)
    assert chunk is not None
    with parts.store.bound_to(tenant_id) as session:
        checkpoints.finish(session, chunk)
    assert plan(parts, tenant_id, Wanted("status")) == 0
    assert plan(parts, tenant_id, Wanted("status"), is_repeat=True) == 1
    fresh_chunk = claim(parts, tenant_id)
    assert fresh_chunk is not None
    assert (fresh_chunk.page_token, fresh_chunk.seen, fresh_chunk.attempts) == (None, 0, 0)
