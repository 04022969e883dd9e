"""Drift: finds and repairs differences without a webhook.

Enters: the clock. Leaves: ids to re-read (`planning.inbox`), refreshed lists, absences and, once confirmed, tombstones.
Invariants: a cursor moves in the transaction of its page's rows and only under its lease; a missing issue is never
deleted on first sight; a project out of sight is frozen, not erased.
"""

from app.ingest.drift.absence_check import check_absences
from app.ingest.drift.change_plan import ChangePlan, plan_change
from app.ingest.drift.id_sweeps import sweep_ids, sweep_recent
from app.ingest.drift.poll import poll_issues
from app.ingest.drift.settings import apply_settings
from app.ingest.drift.stale_lists import is_behind, refresh_stalest_lists
from app.ingest.drift.worklog_feeds import follow_worklogs

__all__ = [
    "ChangePlan",
    "apply_settings",
    "check_absences",
    "follow_worklogs",
    "is_behind",
    "plan_change",
    "poll_issues",
    "refresh_stalest_lists",
    "sweep_ids",
    "sweep_recent",
]
