"""Backfill: workers claim chunks of one tenant and walk each to its end.

Enters: due chunks, the tenant's source. Leaves: pages for `writing`, each with its checkpoint. Invariants: a worker may
be killed anywhere, and its successor resumes at the last stored page; the number of concurrent walks at a site is held
in PostgreSQL; a walk that falls short of Jira's own count is repeated or recorded, never accepted.
"""

from app.ingest.backfill.page_size import PageSizer
from app.ingest.backfill.time_slice import FULL as FULL_SLICE
from app.ingest.backfill.worker import BackfillWorker, thread_count, walk_limit, worker_count

__all__ = ["FULL_SLICE", "BackfillWorker", "PageSizer", "thread_count", "walk_limit", "worker_count"]
