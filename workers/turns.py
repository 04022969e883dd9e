"""The order of a worker's queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rq import SimpleWorker

from app.jobs import Lane

if TYPE_CHECKING:
    from rq import Queue


class TurnTaker(SimpleWorker):
    """Serves `live` first, and the other queues in turn: a long backfill must not starve upkeep.

    It does not fork a process for each job, which keeps connections to PostgreSQL and Jira open.
    """

    def reorder_queues(self, reference_queue: Queue) -> None:
        """Move the queue of the last job to the end. RQ calls this after each job."""
        if reference_queue.name != Lane.LIVE:
            other_queues = [queue for queue in self._ordered_queues if queue.name != reference_queue.name]
            self._ordered_queues = [*other_queues, reference_queue]
