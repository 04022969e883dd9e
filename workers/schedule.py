"""Everything that happens by the clock, as one list.

The clock only enqueues. Each tick has a name of its own, so that two clock processes do no harm, and one is enough.
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


SCHEDULE = tuple(each for each in BY_THE_CLOCK if not each.is_tenants)
"""What is not one tenant's; the tenants' own is on the same list and goes by `ingest.rota`."""


class Tick(CronJob):
    """RQ's cron job, enqueued as JSON: RQ 3.0 pickles what its cron enqueues, and our workers do not unpickle."""

    def __init__(self, periodic: Periodic) -> None:
        super().__init__(periodic.spec.lane.value, func_name=periodic.spec.path, interval=periodic.every)
        self._periodic = periodic

    def enqueue(self, connection: Redis) -> Job | None:  # type: ignore[override]  # RQ does not look at the answer
        """Enqueue one run a period, whoever asks. A tick that Redis does not take is left out; the next one comes."""
        period = clock.epoch() // self._periodic.every
        try:
            jobs.enqueue(connection, self._periodic.spec, once_as=str(period))
        except RedisError as error:
            log.warning("tick left out", job=self._periodic.spec.name, problem=type(error).__name__)
        return None


class Clock(CronScheduler):
    """RQ's cron scheduler, which lives on while Redis is away: its own would end, and with it everything by the clock."""

    def save(self, pipeline: Pipeline | None = None) -> None:
        """Tell who looks at schedulers what there is."""
        with suppress(RedisError):
            super().save(pipeline)

    def heartbeat(self) -> None:
        """Tell who looks at schedulers that we live."""
        with suppress(RedisError):
            super().heartbeat()

    def register_birth(self) -> None:
        """Tell who looks at schedulers that we are there; `heartbeat` makes up for it."""
        with suppress(RedisError):
            super().register_birth()

    def register_death(self, pipeline: Pipeline | None = None) -> None:
        """Tell who looks at schedulers that we are gone."""
        with suppress(RedisError):
            super().register_death(pipeline)


def scheduler(redis: Redis) -> Clock:
    """The clock with our list in it."""
    made = Clock(connection=redis)
    made.get_jobs().extend(Tick(periodic) for periodic in SCHEDULE)
    return made
