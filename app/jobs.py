"""Every job there is, by name, and the only door to RQ's queues outside `workers`.

Job functions are named by string, so that nobody who enqueues imports them. Arguments are JSON ids. A job is a hint
that there is work: what the work is stands in PostgreSQL, so a lost or doubled job loses and doubles nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from rq import Queue
from rq.exceptions import DuplicateJobError
from rq.serializers import JSONSerializer

from app import clock, ids

if TYPE_CHECKING:
    from datetime import datetime

    from redis import Redis


class Lane(StrEnum):
    """The queues, in the order in which a worker looks at them."""

    LIVE = "live"
    """What somebody waits for: webhooks, the plan right after pairing."""
    BULK = "bulk"
    """Backfill and top-ups: hours of it at a time."""
    UPKEEP = "upkeep"
    """Sweeps, checks, erasure."""


@dataclass(frozen=True)
class JobSpec:
    """A job: where it runs and which function it is."""

    name: str
    lane: Lane
    path: str
    """`module.function`, resolved by the worker."""
    timeout: int = 120
    """Seconds after which the worker gives up on it; the work goes on at its checkpoint later."""


PLAN = JobSpec("plan", Lane.LIVE, "workers.ingest.plan")
BACKFILL = JobSpec("backfill", Lane.BULK, "workers.ingest.backfill")
VERIFY = JobSpec("verify", Lane.UPKEEP, "workers.ingest.verify")
WEBHOOKS = JobSpec("webhooks", Lane.LIVE, "workers.ingest.webhooks")
REREAD = JobSpec("reread", Lane.BULK, "workers.ingest.reread")
ERASE = JobSpec("erase", Lane.UPKEEP, "workers.upkeep.erase")
PURGE = JobSpec("purge", Lane.UPKEEP, "workers.upkeep.purge")
SWEEP = JobSpec("sweep", Lane.UPKEEP, "workers.upkeep.sweep")

ALL = (PLAN, BACKFILL, VERIFY, WEBHOOKS, REREAD, ERASE, PURGE, SWEEP)


def queue(redis: Redis, lane: Lane) -> Queue:
    """A lane's queue; JSON only, since whatever is unpickled runs code."""
    return Queue(lane.value, connection=redis, serializer=JSONSerializer)


def enqueue(redis: Redis, spec: JobSpec, *args: str | int, once_as: str | None = None) -> bool:
    """Put a job on its queue; call it after the commit that makes its work visible.

    `once_as` names the job: while one of that name waits or runs, another is not added. Returns whether it was added.
    """
    try:
        queue(redis, spec.lane).enqueue(spec.path, args=args, unique=True, **_options(spec, once_as))
    except DuplicateJobError:
        return False
    return True


def park(redis: Redis, spec: JobSpec, *args: str | int, until: datetime, once_as: str | None = None) -> bool:
    """Put a job on its queue at a later moment: a worker never sleeps. Returns whether it was added."""
    moment = max(until, clock.now() + timedelta(seconds=1))
    try:
        queue(redis, spec.lane).enqueue_at(moment, spec.path, args=args, unique=True, **_options(spec, once_as))
    except DuplicateJobError:
        return False
    return True


_KEEP_FAILED = 7 * 24 * 3600
"""Seconds for which a failed job stays visible to the operator."""


def _options(spec: JobSpec, once_as: str | None) -> dict[str, Any]:
    """What RQ is told of a job. RQ allows letters, digits, underscores and dashes in an id."""
    return {
        "job_id": f"{spec.name}-{once_as or ids.new()}",
        "job_timeout": spec.timeout,
        "description": spec.name,
        "result_ttl": 0,
        # A failed job keeps its name taken, so a named one must not stay for long.
        "failure_ttl": 60 if once_as else _KEEP_FAILED,
    }
