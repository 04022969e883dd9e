"""The order of a worker's queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rq import SimpleWorker

from app import logs
from app.jobs import Lane

if TYPE_CHECKING:
    from rq import Queue
    from rq.executions import Execution
    from rq.job import Job
    from rq.registry import StartedJobRegistry


class TurnTaker(SimpleWorker):
    """Serves `live` first, and the other queues in turn: a long backfill must not starve upkeep.

    It does not fork a process for each job, which keeps connections to PostgreSQL and Jira open.
    """

    def handle_job_failure(
        self,
        job: Job,
        queue: Queue,
        started_job_registry: StartedJobRegistry | None = None,
        exc_string: str = "",
        execution: Execution | None = None,
    ) -> None:
        """Record a failure. RQ keeps the stack trace in Redis: without secrets, and without text that UTF-8 can't hold."""
        super().handle_job_failure(job, queue, started_job_registry, str(logs.scrub(exc_string)), execution)

    def reorder_queues(self, reference_queue: Queue) -> None:
        """Move the queue of the last job to the end. RQ calls this after each job."""
        if reference_queue.name != Lane.LIVE:
            other_queues = [queue for queue in self._ordered_queues if queue.name != reference_queue.name]
            self._ordered_queues = [*other_queues, reference_queue]
