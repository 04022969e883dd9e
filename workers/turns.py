"""In which order a worker looks at its queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rq import SimpleWorker

from app.jobs import Lane

if TYPE_CHECKING:
    from rq import Queue


class TurnTaker(SimpleWorker):
    """Looks at `live` first; of the others, the one that it served last comes last: a long backfill starves no upkeep.

    It does not fork a process a job, so that connections to PostgreSQL and to Jira are kept.
    """

    def reorder_queues(self, reference_queue: Queue) -> None:
        """RQ calls it with the queue that a job was just taken from."""
        if reference_queue.name != Lane.LIVE:
            others = [each for each in self._ordered_queues if each.name != reference_queue.name]
            self._ordered_queues = [*others, reference_queue]
