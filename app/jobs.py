"""Every job by name, and the only access to RQ's queues outside `workers`.

Job functions are named by string: enqueuing imports none of them. Arguments are JSON ids. A job is a hint that there is
work: the work itself stands in PostgreSQL, so a lost or doubled job loses and doubles nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from redis.exceptions import RedisError
from rq import Queue
from rq.exceptions import DuplicateJobError
from rq.serializers import JSONSerializer

from app import clock, ids

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from redis import Redis


class Lane(StrEnum):
    """The queues. A worker looks at `live` first, and at the others in turn (`workers.turns`)."""

    LIVE = "live"
    """Work that people or sites wait for: webhooks, the plan right after pairing."""
    STEADY = "steady"
    """Periodic work, a few requests each: polls, lists, absence checks. Before bulk, which never ends on a busy day."""
    BULK = "bulk"
    """Backfill and top-ups: hours of it at a time."""
    UPKEEP = "upkeep"
    """Checks, sweeps over whole sites, erasure."""


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
VERIFY = JobSpec("verify", Lane.UPKEEP, "workers.ingest.verify", timeout=900)
WEBHOOKS = JobSpec("webhooks", Lane.LIVE, "workers.ingest.webhooks")
REREAD = JobSpec("reread", Lane.BULK, "workers.ingest.reread")
ERASE = JobSpec("erase", Lane.UPKEEP, "workers.upkeep.erase")
EXCLUDE = JobSpec("exclude", Lane.UPKEEP, "workers.upkeep.exclude", timeout=900)
PURGE = JobSpec("purge", Lane.UPKEEP, "workers.upkeep.purge")
SWEEP = JobSpec("sweep", Lane.STEADY, "workers.upkeep.sweep")
ROUND = JobSpec("round", Lane.STEADY, "workers.upkeep.round_of_duties")
POLL = JobSpec("poll", Lane.STEADY, "workers.watch.poll", timeout=600)
WORKLOGS = JobSpec("worklogs", Lane.STEADY, "workers.watch.worklogs", timeout=600)
FAILED_WEBHOOKS = JobSpec("failed_webhooks", Lane.STEADY, "workers.watch.failed_webhooks")
REFRESH = JobSpec("refresh", Lane.STEADY, "workers.watch.refresh", timeout=300)
SECOND_LOOK = JobSpec("second_look", Lane.STEADY, "workers.watch.second_look", timeout=300)
CATCH_UP = JobSpec("catch_up", Lane.LIVE, "workers.ingest.catch_up")
LICENCE = JobSpec("licence", Lane.STEADY, "workers.watch.licence")
SETTINGS = JobSpec("settings", Lane.LIVE, "workers.watch.settings", timeout=900)
PROBE = JobSpec("probe", Lane.STEADY, "workers.watch.probe")
RECENT = JobSpec("recent", Lane.UPKEEP, "workers.watch.recent", timeout=900)
ISSUE_IDS = JobSpec("issue_ids", Lane.UPKEEP, "workers.watch.issue_ids", timeout=600)

ALL = (
    *(PLAN, BACKFILL, VERIFY, WEBHOOKS, REREAD, EXCLUDE, ERASE, PURGE, SWEEP, ROUND),
    *(CATCH_UP, LICENCE, POLL, WORKLOGS, FAILED_WEBHOOKS, REFRESH, SECOND_LOOK, SETTINGS, PROBE, RECENT, ISSUE_IDS),
)

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@dataclass(frozen=True)
class Periodic:
    """A job and its period in seconds; each tenant has its own place in the period of its jobs."""

    spec: JobSpec
    every: int
    is_tenants: bool = True
    every_untold: int | None = None
    """The period at sites that send no webhooks; None: `every`."""
    within: int | None = None
    """Only in the first so many seconds of the period (of a day: from midnight UTC on); None: anywhere."""


BY_THE_CLOCK = (
    Periodic(SWEEP, 10, is_tenants=False),
    Periodic(ROUND, 5, is_tenants=False),
    Periodic(POLL, 5 * _MINUTE, every_untold=_MINUTE),
    Periodic(WORKLOGS, 15 * _MINUTE),
    Periodic(FAILED_WEBHOOKS, 30 * _MINUTE),
    Periodic(REFRESH, 10 * _MINUTE),
    Periodic(SECOND_LOOK, 15 * _MINUTE),
    Periodic(SETTINGS, _DAY),
    Periodic(PROBE, _HOUR),
    Periodic(ISSUE_IDS, _HOUR),
    Periodic(RECENT, _DAY, within=5 * _HOUR),
    Periodic(VERIFY, _DAY),
    Periodic(LICENCE, _DAY),
)
"""All periodic jobs. `workers.schedule` ticks the product's, `ingest.planning.tenant_schedule` each tenant's."""


def queue(redis: Redis, lane: Lane) -> Queue:
    """A lane's queue; JSON only, since unpickling runs code."""
    return Queue(lane.value, connection=redis, serializer=JSONSerializer)


def enqueue(redis: Redis, spec: JobSpec, *args: str | int, once_as: str | None = None, is_first: bool = False) -> bool:
    """Put a job on its queue; call it after the commit that makes its work visible.

    `once_as` names the job: while one of that name waits or runs, another is not added. `is_first` puts it before all that
    wait. Returns whether it was added.
    """
    options = _options(spec, args, once_as) | {"at_front": is_first}
    try:
        queue(redis, spec.lane).enqueue(spec.path, args=args, unique=True, **options)
    except DuplicateJobError:
        return False
    return True


def park(redis: Redis, spec: JobSpec, *args: str | int, until: datetime, once_as: str | None = None) -> bool:
    """Put a job on its queue at a later moment: a worker never sleeps. Returns whether it was added."""
    moment = max(until, clock.now() + timedelta(seconds=1))
    try:
        queue(redis, spec.lane).enqueue_at(moment, spec.path, args=args, unique=True, **_options(spec, args, once_as))
    except DuplicateJobError:
        return False
    return True


_FAILURE_TTL = 7 * 24 * 3600
"""Seconds for which a failed job stays visible to the operator."""


def _options(spec: JobSpec, args: tuple[str | int, ...], once_as: str | None) -> dict[str, Any]:
    """RQ's options for a job. RQ allows letters, digits, underscores and dashes in an id."""
    return {
        "job_id": "-".join([spec.name, once_as or "-".join([*map(str, args), str(ids.new())])]),
        "job_timeout": spec.timeout,
        "description": spec.name,
        "result_ttl": 0,
        # A failed job keeps its name taken, so a named one must not stay for long.
        "failure_ttl": 60 if once_as else _FAILURE_TTL,
    }


@dataclass(frozen=True)
class QueueView:
    """Waiting jobs, for a worker that asks whether it may stay."""

    redis: Redis

    def is_wanted_elsewhere(self, tenant_id: UUID) -> bool:
        """Whether a live job waits, or a backfill worker of another tenant. False where Redis can't say."""
        try:
            if queue(self.redis, Lane.LIVE).count:
                return True
            return self._others(Lane.BULK, tenant_id)
        except RedisError:
            return False

    def is_live(self, *, besides: UUID) -> bool:
        """Whether a live job of another tenant waits. False where Redis can't say."""
        try:
            return self._others(Lane.LIVE, besides)
        except RedisError:
            return False

    def _others(self, lane: Lane, tenant_id: UUID) -> bool:
        return any(tenant != str(tenant_id) for _, tenant in self._jobs(lane, _LOOKED_AT))

    def is_empty(self) -> bool:
        """Whether no job of the bulk lane waits. False where Redis can't say."""
        try:
            return queue(self.redis, Lane.BULK).count == 0
        except RedisError:
            return False

    def waiting_workers(self) -> Counter[UUID]:
        """Waiting backfill workers by tenant. Raises RedisError."""
        return Counter(UUID(tenant) for name, tenant in self._jobs(Lane.BULK, -1) if name == BACKFILL.name)

    def _jobs(self, lane: Lane, limit: int) -> Iterator[tuple[str, str]]:
        """Job and tenant of the first jobs in the live or the bulk lane; every job there belongs to a tenant."""
        for job_id in queue(self.redis, lane).get_job_ids(0, limit):
            name, _, suffix = job_id.partition("-")
            yield name, suffix[:_UUID]

    def waiting(self, tenant_id: UUID) -> int:
        """Waiting backfill workers of one tenant; 0 where Redis can't say."""
        try:
            return self.waiting_workers()[tenant_id]
        except RedisError:
            return 0


_LOOKED_AT = 20
"""Jobs among which another tenant's is searched: no tenant has as many waiting."""
_UUID = 36
