"""Proof: compares stored rows with the site's own counts and derives the integration's state.

Enters: finished walks, Jira's counts, the clock. Leaves: findings, the integration's state, jobs for forgotten work.
Invariants: *verified complete* always carries a time and a method; a difference is repaired or named; a site is parked
only after a second refusal of its credential.
"""

from app.ingest.proof import lost_jobs, parking
from app.ingest.proof.count_cache import CountCache
from app.ingest.proof.counting import Finding
from app.ingest.proof.state import derive_state
from app.ingest.proof.verification import verify

__all__ = ["CountCache", "Finding", "derive_state", "lost_jobs", "parking", "verify"]
