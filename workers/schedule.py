"""The periodic jobs without a tenant, as one list.

The clock only enqueues. Each tick has a unique name, so two clock processes do no harm, and one suffices.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from redis.exceptions import RedisError
from rq.cron import CronJob, CronScheduler

from app import clock, jobs, logs
from app.jobs import BY_THE_CLOCK, Periodic

if TYPE_CHECKING:
    from redis import Redis
    from redis.client import Pipeline
    from rq.job import Job

log = logs.get(__name__)


SCHEDULE = tuple(periodic for periodic in BY_THE_CLOCK if not periodic.is_tenants)
"""Periodic jobs without a tenant; those of tenants follow `ingest.planning.tenant_schedule`."""


class Tick(CronJob):
    """RQ's cron job, enqueued as JSON: RQ 3.0 pickles its own cron jobs, and our workers do not unpickle."""

    def __init__(self, periodic: Periodic) -> None:
        super().__init__(periodic.spec.lane.value, func_name=periodic.spec.path, interval=periodic.every)
        self._periodic = periodic

    def enqueue(self, connection: Redis) -> Job | None:  # type: ignore[override]  # RQ does not look at the answer
        """Enqueue one run a period. A tick is skipped while Redis is away; the next one makes up for it."""
        period = clock.epoch() // self._periodic.every
        try:
            jobs.enqueue(connection, self._periodic.spec, once_as=str(period))
        except RedisError as error:
            log.warning("tick left out", job=self._periodic.spec.name, problem=type(error).__name__)
        return None


class Clock(CronScheduler):
    """RQ's cron scheduler, made to survive an outage of Redis: RQ's own ends, and all periodic jobs with it."""

    def save(self, pipeline: Pipeline | None = None) -> None:
        """Publish the scheduler's jobs."""
        with suppress(RedisError):
            super().save(pipeline)

    def heartbeat(self) -> None:
        """Publish a sign of life."""
        with suppress(RedisError):
            super().heartbeat()

    def register_birth(self) -> None:
        """Publish the start; `heartbeat` makes up for a failure."""
        with suppress(RedisError):
            super().register_birth()

    def register_death(self, pipeline: Pipeline | None = None) -> None:
        """Publish the end."""
        with suppress(RedisError):
            super().register_death(pipeline)


def scheduler(redis: Redis) -> Clock:
    """Create the clock with our list of jobs."""
    cron = Clock(connection=redis)
    cron.get_jobs().extend(Tick(periodic) for periodic in SCHEDULE)
    return cron
