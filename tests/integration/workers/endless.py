"""Job functions for tests of the queues: what is done goes into a list in Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rq import get_current_job

from app.jobs import Lane, queue

if TYPE_CHECKING:
    from redis import Redis

DONE = "done by the test's worker"


def again(lane: str) -> None:
    """Take a note, and queue again as a backfill does."""
    _note(lane)
    queue(_redis(), Lane(lane)).enqueue("tests.integration.workers.endless.again", lane, result_ttl=0)


def once(lane: str) -> None:
    """Take a note."""
    _note(lane)


def _note(lane: str) -> None:
    _redis().rpush(DONE, lane)


def _redis() -> Redis:
    """The test's own Redis."""
    job = get_current_job()
    assert job is not None
    return job.connection
