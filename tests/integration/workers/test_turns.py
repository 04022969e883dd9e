"""A worker's order on real queues: live jobs first; neither a long backfill nor a flood of upkeep starves the other."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from redis import Redis
from rq.serializers import JSONSerializer

from app import ids, jobs
from app.jobs import Lane, QueueView, queue
from tests.integration.workers.endless import LANES_KEY
from workers.turns import TurnTaker

if TYPE_CHECKING:
    from collections.abc import Iterator

DATABASE = 8
FAILING_JOB = "tests.integration.workers.endless.fail"
ENDLESS_JOB, SINGLE_JOB = "tests.integration.workers.endless.again", "tests.integration.workers.endless.once"
FIRST_TENANT, SECOND_TENANT = UUID(int=1), UUID(int=2)


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    client = Redis.from_url(redis_url.replace("db=0", f"db={DATABASE}"))
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


def add(redis: Redis, path: str, lane: Lane) -> None:
    queue(redis, lane).enqueue(path, lane.value, result_ttl=0)


def work(redis: Redis, job_count: int) -> list[str]:
    """Run a worker. Returns the lanes of its jobs in order."""
    lanes = [queue(redis, lane) for lane in Lane]
    TurnTaker(lanes, connection=redis, serializer=JSONSerializer).work(
        burst=True, max_jobs=job_count, logging_level="WARNING"
    )
    return [lane.decode() for lane in redis.lrange(LANES_KEY, 0, -1)]


def test_a_job_that_fails_with_the_worst_text_is_recorded(redis: Redis) -> None:
    job = queue(redis, Lane.UPKEEP).enqueue(FAILING_JOB, "\ud800 Bearer abcdefgh12345678")
    queue(redis, Lane.UPKEEP).enqueue(SINGLE_JOB, "next", result_ttl=0)
    assert work(redis, 2)[-1] == "next"
    result = job.latest_result()
    assert result is not None
    assert result.exc_string is not None
    assert "ValueError" in result.exc_string
    assert "abcdefgh" not in result.exc_string


def test_upkeep_has_its_turn_while_a_backfill_queues_again_and_again(redis: Redis) -> None:
    for _ in range(2):
        add(redis, ENDLESS_JOB, Lane.BULK)
        add(redis, SINGLE_JOB, Lane.UPKEEP)
    assert work(redis, 6) == ["bulk", "upkeep", "bulk", "upkeep", "bulk", "bulk"]


def test_a_backfill_has_its_turn_while_upkeep_never_ends(redis: Redis) -> None:
    add(redis, ENDLESS_JOB, Lane.UPKEEP)
    add(redis, ENDLESS_JOB, Lane.BULK)
    assert work(redis, 6) == ["bulk", "upkeep"] * 3


def test_what_somebody_waits_for_comes_before_both(redis: Redis) -> None:
    for lane in (Lane.UPKEEP, Lane.BULK, Lane.LIVE):
        for _ in range(2):
            add(redis, SINGLE_JOB, lane)
    assert work(redis, 10) == ["live", "live", "bulk", "upkeep", "bulk", "upkeep"]


# Waiting jobs


def test_a_hand_is_wanted_elsewhere_when_another_tenants_waits(redis: Redis) -> None:
    queue_view = QueueView(redis)
    assert not queue_view.is_wanted_elsewhere(FIRST_TENANT)
    jobs.enqueue(redis, jobs.BACKFILL, str(FIRST_TENANT))
    jobs.enqueue(redis, jobs.BACKFILL, str(FIRST_TENANT), once_as=f"{FIRST_TENANT}-called")
    jobs.enqueue(redis, jobs.REREAD, str(FIRST_TENANT))
    assert not queue_view.is_wanted_elsewhere(FIRST_TENANT), "another worker of the same tenant is no reason to yield"
    jobs.enqueue(redis, jobs.BACKFILL, str(SECOND_TENANT))
    assert queue_view.is_wanted_elsewhere(FIRST_TENANT)
    assert queue_view.is_wanted_elsewhere(SECOND_TENANT)
    assert queue_view.waiting_workers() == {FIRST_TENANT: 2, SECOND_TENANT: 1}
    assert (queue_view.waiting(FIRST_TENANT), queue_view.waiting(ids.new())) == (2, 0)


def test_a_hand_is_wanted_elsewhere_when_somebody_live_waits_but_not_for_upkeep(redis: Redis) -> None:
    queue_view = QueueView(redis)
    jobs.enqueue(redis, jobs.SWEEP, once_as="1")
    assert not queue_view.is_wanted_elsewhere(FIRST_TENANT)
    jobs.enqueue(redis, jobs.WEBHOOKS, str(FIRST_TENANT))
    assert queue_view.is_wanted_elsewhere(FIRST_TENANT)


def test_without_redis_a_hand_stays() -> None:
    queue_view = QueueView(Redis.from_url("redis://127.0.0.1:1/0"))
    assert not queue_view.is_wanted_elsewhere(FIRST_TENANT)
    assert queue_view.waiting(FIRST_TENANT) == 0


def test_a_new_sites_hands_come_before_those_that_wait(redis: Redis) -> None:
    jobs.enqueue(redis, jobs.BACKFILL, str(FIRST_TENANT))
    jobs.enqueue(redis, jobs.BACKFILL, str(SECOND_TENANT), is_first=True)
    assert next(QueueView(redis)._jobs(jobs.Lane.BULK, 1)) == ("backfill", str(SECOND_TENANT))
