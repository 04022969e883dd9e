"""Everything that happens by the clock, as one list.

The clock only enqueues. Each tick has a name of its own, so that two clock processes do no harm, and one is enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rq.cron import CronJob, CronScheduler

from app import clock, jobs

if TYPE_CHECKING:
    from redis import Redis
    from rq.job import Job


@dataclass(frozen=True)
class Periodic:
    """A job and its period in seconds."""

    spec: jobs.JobSpec
    every: int


SCHEDULE = (Periodic(jobs.SWEEP, every=10),)


class Tick(CronJob):
    """RQ's cron job, enqueued as JSON: RQ 3.0 pickles what its cron enqueues, and our workers do not unpickle."""

    def __init__(self, periodic: Periodic) -> None:
        super().__init__(periodic.spec.lane.value, func_name=periodic.spec.path, interval=periodic.every)
        self._periodic = periodic

    def enqueue(self, connection: Redis) -> Job | None:  # type: ignore[override]  # RQ does not look at the answer
        """Enqueue one run a period, whoever asks."""
        period = clock.epoch() // self._periodic.every
        jobs.enqueue(connection, self._periodic.spec, once_as=str(period))
        return None


def scheduler(redis: Redis) -> CronScheduler:
    """RQ's cron scheduler with our list in it."""
    made = CronScheduler(connection=redis)
    made.get_jobs().extend(Tick(periodic) for periodic in SCHEDULE)
    return made
