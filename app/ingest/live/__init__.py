"""Live: webhook deliveries become rows within seconds.

Enters: inbox rows, Jira's list of failed webhooks. Leaves: pages for `writing`, absences with their evidence.
Invariants: a body is a hint and never a source of values; a delivery is marked done in the transaction of its rows; one
worker drains a tenant's inbox at a time, while its lease lasts; a delivery that keeps failing is given up alone, with its reason.
"""

from app.ingest.live.drain import SLICE as DRAIN_SLICE
from app.ingest.live.drain import Drain
from app.ingest.live.failed_webhooks import take_failed_webhooks

__all__ = ["DRAIN_SLICE", "Drain", "take_failed_webhooks"]
