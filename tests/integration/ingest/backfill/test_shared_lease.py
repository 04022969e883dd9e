"""Chunks under one lease: the fault of one costs the others no attempt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update

from app import clock
from app.catalog.field_policy import FieldPolicy
from app.conditions import Code
from app.errors import JiraRefused
from app.ingest.backfill import retry
from app.ingest.backfill.threads import WorkerThreads
from app.ingest.backfill.time_slice import TimeSlice
from app.ingest.backfill.walk import Walker
from app.ingest.planning import plan
from app.sources import Page, Place
from app.sources.answers import Account
from app.store import checkpoints, claims
from app.store.checkpoints import Wanted
from app.store.schema import CHUNKS
from tests.fakes.jira import FullPages

if TYPE_CHECKING:
    from uuid import UUID

    from app.catalog.language import Entity
    from app.runtime import Runtime

LEASE_SIZE = 8
BAD = "3"


@dataclass
class Lists:
    """A site with lists of this many comments; one list fails, if there is a failure."""

    failure: BaseException | None = None
    length: int = 0

    def whoami(self) -> Account:
        return Account("5b10ac8d82e05b22cc7d4ef5", None)

    def children(self, _entity: Entity, issue_id: str, _place: Place) -> Page:
        if issue_id == BAD and self.failure is not None:
            raise self.failure
        comments: list[Any] = [{"id": f"{issue_id}-{number}"} for number in range(self.length)]
        return Page(comments, None, self.length, clock.now())


@pytest.fixture
def planned_tenant_id(parts: Runtime, tenant_id: UUID) -> UUID:
    """A tenant with the comments of eight issues to read."""
    with parts.store.bound_to(tenant_id) as session:
        checkpoints.plan(session, [Wanted("comment", str(number), plan.SHORT) for number in range(LEASE_SIZE)])
    return tenant_id


def walk_next(parts: Runtime, tenant_id: UUID, source: Any) -> int:
    """Claim and walk the next chunks. Returns their number."""
    with parts.store.bound_to(tenant_id) as session:
        chunks = claims.claim(session, at_once=LEASE_SIZE, min_priority=plan.SHORT, limit=LEASE_SIZE)
    walker = Walker(parts.store, source, tenant_id, WorkerThreads(1), FullPages())
    if chunks:
        walker.walk_all(chunks, FieldPolicy(), TimeSlice(clock.now() + timedelta(minutes=1)))
    return len(chunks)


def expire_leases(parts: Runtime, tenant_id: UUID) -> None:
    with parts.store.bound_to(tenant_id) as session:
        is_leased = CHUNKS.c.leased_until.is_not(None)
        session.execute(update(CHUNKS).where(is_leased).values(leased_until=clock.now() - timedelta(seconds=1)))


def rows(parts: Runtime, tenant_id: UUID) -> dict[str, Any]:
    with parts.store.bound_to(tenant_id) as session:
        return {row.scope_id: row for row in session.execute(select(CHUNKS).where(CHUNKS.c.entity == "comment"))}


def test_a_defect_in_one_walk_releases_the_others_and_stores_the_walked_ones(
    parts: Runtime, planned_tenant_id: UUID
) -> None:
    with pytest.raises(ZeroDivisionError):
        walk_next(parts, planned_tenant_id, Lists(ZeroDivisionError()))
    chunks = rows(parts, planned_tenant_id)
    assert [scope_id for scope_id, row in chunks.items() if row.lease is not None] == [BAD]
    assert {row.state for scope_id, row in chunks.items() if scope_id != BAD} <= {"done", "waiting"}
    assert walk_next(parts, planned_tenant_id, Lists(ZeroDivisionError())) == sum(
        row.state == "waiting" for scope_id, row in chunks.items() if scope_id != BAD
    )
    chunks = rows(parts, planned_tenant_id)
    assert {row.state for scope_id, row in chunks.items() if scope_id != BAD} == {"done"}
    assert {row.attempts for row in chunks.values()} == {0}


def test_a_refused_credential_costs_no_chunk_an_attempt(parts: Runtime, planned_tenant_id: UUID) -> None:
    refusal = JiraRefused(Code.ANSWERED, is_credential=True, status=401, endpoint="GET /comment")
    for _ in range(2 * retry.MOST_ATTEMPTS):
        with pytest.raises(JiraRefused):
            walk_next(parts, planned_tenant_id, Lists(refusal))
    chunks = rows(parts, planned_tenant_id)
    assert {row.lease for row in chunks.values()} == {None}
    assert {row.attempts for row in chunks.values()} == {0}
    assert {row.state for row in chunks.values()} <= {"done", "waiting"}


def test_a_walk_that_always_dies_takes_no_other_chunk_along(parts: Runtime, planned_tenant_id: UUID) -> None:
    """A process that is killed releases nothing: all chunks under its lease count an attempt, then each is alone."""
    for _ in range(8 * LEASE_SIZE):
        with parts.store.bound_to(planned_tenant_id) as session:
            chunks = claims.claim(session, at_once=LEASE_SIZE, min_priority=plan.SHORT, limit=LEASE_SIZE)
        if BAD not in [chunk.scope_id for chunk in chunks] or chunks[0].attempts > retry.MOST_ATTEMPTS:
            with parts.store.bound_to(planned_tenant_id) as session:
                checkpoints.release(session, chunks)
            walk_next(parts, planned_tenant_id, Lists(ZeroDivisionError()))
        expire_leases(parts, planned_tenant_id)
    states = {scope_id: row.state for scope_id, row in rows(parts, planned_tenant_id).items()}
    assert states == {str(number): "done" for number in range(LEASE_SIZE)} | {BAD: "failed"}


def test_a_list_that_was_read_whole_at_the_fourth_try_has_no_problem(parts: Runtime, planned_tenant_id: UUID) -> None:
    with parts.store.bound_to(planned_tenant_id) as session:
        session.execute(update(CHUNKS).values(attempts=3))
    while walk_next(parts, planned_tenant_id, Lists(length=1)):
        pass
    assert {(row.state, row.problem) for row in rows(parts, planned_tenant_id).values()} == {("done", None)}
