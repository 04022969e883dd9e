"""A large site beside a small one: a worker yields when another tenant needs it, and no tenant's workers pile up."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from redis import Redis
from sqlalchemy import func, select, update

from app import clock, jobs
from app.ingest.backfill import time_slice
from app.ingest.backfill.worker import BackfillWorker
from app.ingest.planning import plan
from app.store import checkpoints
from app.store.checkpoints import Wanted
from app.store.schema import CHUNKS
from tests.factories import a_paired_site
from tests.fakes.jira import FIRST, STEP, FakeSite, FakeSites
from tests.story.processes import wait_for

if TYPE_CHECKING:
    from uuid import UUID

    from app.runtime import Runtime


class BusyLine(jobs.QueueView):
    """A queue in which another tenant waits, and a number of workers of the tenant itself."""

    def __init__(self, own_count: int = 0, *, is_wanted: bool = True) -> None:
        super().__init__(Redis.from_url("redis://127.0.0.1:1/0"))
        self._own_count, self._is_wanted = own_count, is_wanted

    def is_wanted_elsewhere(self, _tenant_id: UUID) -> bool:
        return self._is_wanted

    def waiting(self, _tenant_id: UUID) -> int:
        return self._own_count


class UnhurriedLine(jobs.QueueView):
    """A queue without other tenants, regardless of the remains of other tests, until `is_wanted` is set."""

    is_wanted = False

    def is_wanted_elsewhere(self, _tenant_id: UUID) -> bool:
        return self.is_wanted


@pytest.fixture
def tenant_id(parts: Runtime) -> UUID:
    new_id = a_paired_site(parts)[0].tenant_id
    with parts.store.bound_to(new_id) as session:
        plan.begin_backfill(session, site_concurrency=0)
    return new_id


def held(parts: Runtime, tenant_id: UUID) -> int:
    """The number of walks in progress."""
    with parts.store.bound_to(tenant_id) as session:
        query = select(func.count(CHUNKS.c.lease.distinct())).where(CHUNKS.c.leased_until > clock.now())
        return int(session.execute(query).scalar_one())


def waiting(parts: Runtime, tenant_id: UUID) -> int:
    return jobs.QueueView(parts.redis).waiting(tenant_id)


def a_worker(parts: Runtime, tenant_id: UUID, queue_view: jobs.QueueView) -> BackfillWorker:
    """A worker at a site that takes its time: a worker is busy for long without much to store."""
    return BackfillWorker(parts.store, FakeSites(FakeSite(60_000, delay=0.3)), tenant_id, 8, 4, queue_view)  # type: ignore[arg-type]  # a fake wire


def test_a_worker_goes_soon_when_it_is_wanted_elsewhere(parts: Runtime, tenant_id: UUID) -> None:
    start = clock.now()
    assert a_worker(parts, tenant_id, BusyLine()).work(until=start + timedelta(seconds=60)) == "again"
    assert time_slice.MINIMUM <= clock.now() - start < timedelta(seconds=30)
    assert waiting(parts, tenant_id) == 1


def test_a_worker_stays_its_full_time_while_nobody_waits(parts: Runtime, tenant_id: UUID) -> None:
    start = clock.now()
    assert a_worker(parts, tenant_id, BusyLine(is_wanted=False)).work(until=start + timedelta(seconds=4)) == "again"
    assert clock.now() - start >= timedelta(seconds=4)


def test_surplus_workers_go_for_good(parts: Runtime, tenant_id: UUID) -> None:
    """A site with eight concurrent requests can use two workers of four threads."""
    for worker_count, call_count in [(2, 0), (1, 1)]:
        before = waiting(parts, tenant_id)
        a_worker(parts, tenant_id, BusyLine(worker_count)).work(until=clock.now() + timedelta(seconds=0.5))
        assert waiting(parts, tenant_id) - before == call_count


def test_one_more_worker_is_called_while_there_is_more_to_do_and_nobody_waits(parts: Runtime, tenant_id: UUID) -> None:
    """Workers that join later on any machine find the job in the queue; a queue with waiting jobs has no idle worker."""
    parts.redis.delete("rq:queue:bulk")
    with ThreadPoolExecutor() as pool:
        until = clock.now() + timedelta(seconds=6)
        work = pool.submit(a_worker(parts, tenant_id, UnhurriedLine(parts.redis)).work, until=until)
        wait_for(lambda: waiting(parts, tenant_id) > 0, 4)
        wait_for(lambda: clock.now() > until - timedelta(seconds=1))
        assert not work.done()
        assert waiting(parts, tenant_id) == 1


def test_workers_at_one_site_share_its_walks(parts: Runtime, tenant_id: UUID) -> None:
    """A worker that holds all walks releases a share to a new one page by page, before the end of its time slice."""
    parts_of_time = [FIRST + number * 1000 * STEP for number in range(41)]
    with parts.store.bound_to(tenant_id) as session:
        new_chunks = [Wanted("issue", "10000", 30, lower, upper) for lower, upper in pairwise(parts_of_time)]
        checkpoints.plan(session, new_chunks)
        checkpoints.make_due(session)
    site, queue_view = FakeSite(40_000, delay=0.5), UnhurriedLine(parts.redis)
    first, second = (
        BackfillWorker(parts.store, FakeSites(site), tenant_id, 8, 8, queue_view)  # type: ignore[arg-type]  # a fake wire
        for _ in range(2)
    )
    until = clock.now() + timedelta(seconds=20)
    with ThreadPoolExecutor() as pool:
        works = [pool.submit(first.work, until=until)]
        wait_for(lambda: held(parts, tenant_id) == 8, 5)
        works.append(pool.submit(second.work, until=until))
        wait_for(lambda: second.walked_chunks >= 4, 10)
        assert clock.now() < until
        queue_view.is_wanted = True
        assert [work.result() for work in works] == ["again", "again"]
    assert site.most_in_flight <= 8


def test_a_worker_comes_back_when_the_next_part_is_due_and_not_sooner(parts: Runtime, tenant_id: UUID) -> None:
    due = clock.now() + timedelta(seconds=2.3)
    with parts.store.bound_to(tenant_id) as session:
        session.execute(update(CHUNKS).values(due_at=due))
    for _ in range(2):
        assert (
            a_worker(parts, tenant_id, UnhurriedLine(parts.redis)).work(until=clock.now() + time_slice.FULL) == "later"
        )
    registry = jobs.queue(parts.redis, jobs.Lane.BULK).scheduled_job_registry
    job_ids = [job_id for job_id in registry.get_job_ids() if str(tenant_id) in job_id]
    assert len(job_ids) == 1, "two workers that wait for the same chunk are one job"
    moment = registry.get_scheduled_time(job_ids[0])
    assert due <= moment <= due + timedelta(seconds=1)
