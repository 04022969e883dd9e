"""Job functions for tests of the queues; they record their runs in a list in Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rq import get_current_job

from app.jobs import Lane, queue

if TYPE_CHECKING:
    from redis import Redis

LANES_KEY = "done by the test's worker"


def again(lane: str) -> None:
    """Record the run and enqueue again, like a backfill."""
    _note(lane)
    queue(_redis(), Lane(lane)).enqueue("tests.integration.workers.endless.again", lane, result_ttl=0)


def once(lane: str) -> None:
    """Record the run."""
    _note(lane)


def fail(text: str) -> None:
    """Raise an error of this text."""
    raise ValueError(text)


def _note(lane: str) -> None:
    _redis().rpush(LANES_KEY, lane)


def _redis() -> Redis:
    """The test's Redis."""
    job = get_current_job()
    assert job is not None
    return job.connection
