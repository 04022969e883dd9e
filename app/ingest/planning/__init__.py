"""Planning: which parts of a site are read, in which order, and when periodic work is due.

Enters: pairings, webhook deliveries, ids from polls and sweeps, the clock. Leaves: chunks, inbox rows, schedule rows and
jobs, all enqueued after commit. Invariants: a plan is in PostgreSQL before any job mentions it, so a lost job loses no
work; planning twice plans once; a delivery id is stored once.
"""

from app.ingest.planning import applied, exclusions, field_policy, inbox, site_clock, tenant_schedule
from app.ingest.planning.plan import begin_backfill, enqueue_worker_once, enqueue_workers
from app.ingest.planning.resume import resume_work

__all__ = [
    "applied",
    "begin_backfill",
    "enqueue_worker_once",
    "enqueue_workers",
    "exclusions",
    "field_policy",
    "inbox",
    "resume_work",
    "site_clock",
    "tenant_schedule",
]
