"""The worker processes of one machine: the configured number, and one more for live jobs only.

A backfill occupies its worker for a whole time slice. With all workers in backfills, a webhook would wait for the end of
a slice; the additional worker serves it. It sleeps on its queue while there are no live jobs.
"""

from __future__ import annotations

from multiprocessing import get_context
from typing import TYPE_CHECKING

from rq.serializers import JSONSerializer
from rq.worker_pool import WorkerPool, run_worker

from app.jobs import Lane
from workers.turns import TurnTaker

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from redis import Redis


class Pool(WorkerPool):
    """RQ's pool with a worker of its own for the live lane."""

    def __init__(self, redis: Redis, size: int) -> None:
        super().__init__(
            [lane.value for lane in Lane],
            connection=redis,
            num_workers=size + 1,
            worker_class=TurnTaker,
            serializer=JSONSerializer,
        )
        self._live_only = ""

    def get_worker_process(
        self, name: str, burst: bool, _sleep: float = 0, logging_level: str = "WARNING"
    ) -> BaseProcess:
        """Create a worker process. The first one, and its replacement after its death, takes live jobs only."""
        lanes = self._queue_names
        if self._live_only not in self.worker_dict:
            self._live_only, lanes = name, [Lane.LIVE.value]
        return get_context("fork").Process(
            target=run_worker,
            args=(name, lanes, self._connection_class, self._pool_class, self._pool_kwargs),
            kwargs={
                "burst": burst,
                "logging_level": logging_level,
                "worker_class": self.worker_class,
                "serializer": self.serializer,
            },
            name=f"worker {name} of {', '.join(lanes)}",
        )
