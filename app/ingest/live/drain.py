"""Drain of the inbox: webhooks are hints, and the objects that they name are read again.

Bodies aren't signed and may be old, doubled or cut. One worker drains a tenant's inbox at a time. Deliveries that name the
same issue are answered by one read, and rows and deliveries are settled in one transaction.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from app import clock, jobs, logs
from app.errors import JiraBusy, JiraDown, JiraRefused, Unavailable, condition_of
from app.ingest.live.batch import Batch, Unwanted, batch_of
from app.ingest.planning import inbox
from app.ingest.writing import memberships
from app.integrations import ledger
from app.sources import READ_BATCH
from app.store import cursors

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from app.sources import Source
    from app.store.cursors import Cursor
    from app.store.session import Store

log = logs.get(__name__)

SLICE = timedelta(seconds=20)
"""Time slice of one job before it queues again behind others."""
GAP = timedelta(seconds=0.6)
"""Interval between two reads of a site: one read then answers many deliveries of a busy site."""
_INBOX_LEASE = timedelta(seconds=10)
"""Lease of the inbox: if one batch takes longer, a second worker may start; claims keep their deliveries apart."""
_MEMBERS = timedelta(seconds=10)
"""Interval between two updates of board memberships while more issues keep coming."""
_SHORT_DELAY, _LONG_DELAY = timedelta(seconds=5), timedelta(minutes=1)
"""Pauses after a site that did not answer, and after a refusal."""


@dataclass(frozen=True)
class Drain:
    """Drains a tenant's inbox: Jira's deliveries, or (`is_ours`) the re-reads that polls and sweeps asked for."""

    store: Store
    source: Source
    tenant_id: UUID
    is_ours: bool = False
    gap: timedelta = GAP
    queue_view: jobs.QueueView | None = None
    """Tells whether a live job of another tenant waits, which ends a pause; None: always wait for the whole interval."""
    unmatched_issues: dict[str, None] = field(default_factory=dict, init=False)
    """Issues with board memberships that are still to be updated."""

    def run(self, *, until: datetime) -> int:
        """Handle deliveries until none waits or the time is up. Returns their number."""
        delivery_count = 0
        while clock.now() < until:
            cursor = self._cursor()
            if cursor is None:
                return delivery_count
            delivery_count += self._drain(cursor, until)
            # A delivery may have arrived while this worker held the cursor; its own job found the cursor taken and ended.
            if not self._waiting():
                return delivery_count
        return delivery_count

    def _drain(self, cursor: Cursor, until: datetime) -> int:
        delivery_count, put_off = 0, None
        last, matched_at = cursor.ended_at, clock.now()
        try:
            while clock.now() < until and (waiting_count := self._waiting()):
                self._let_gather(last, waiting_count)
                last = clock.now()
                before = delivery_count
                for doubtful in (False, True):
                    delivery_count += self._once(cursor, doubtful=doubtful)
                if delivery_count == before:
                    break
                if last > matched_at + _MEMBERS:
                    self._match()
                    matched_at = last
            self._match()
        except cursors.CursorLost:
            log.info("another worker reads on", tenant_id=str(self.tenant_id))
        except JiraBusy as busy:
            put_off = busy.retry_at
            raise
        except (JiraDown, JiraRefused) as failure:
            put_off = clock.now() + (_SHORT_DELAY if isinstance(failure, JiraDown) else _LONG_DELAY)
            raise
        finally:
            with self.store.bound_to(self.tenant_id) as session:
                cursors.give_back(session, cursor, until=put_off)
        return delivery_count

    def _match(self) -> None:
        """Update the board memberships of the issues that were read; every poll repeats it once the index has caught up."""
        issues = [*self.unmatched_issues]
        self.unmatched_issues.clear()
        memberships.follow(self.store, self.source, self.tenant_id, issues)

    def _let_gather(self, last: datetime | None, waiting_count: int) -> None:
        """Wait until the interval since the site's last read is over.

        A full batch, or another tenant that waits for this worker, ends the wait at once.
        """
        pause = (last + self.gap - clock.now()).total_seconds() if last else 0.0
        if (
            pause > 0
            and waiting_count < READ_BATCH
            and not (self.queue_view and self.queue_view.is_live(besides=self.tenant_id))
        ):
            _wait(pause)

    def _cursor(self) -> Cursor | None:
        """The inbox, for this worker alone; None while another worker has it, or the integration isn't served."""
        with self.store.bound_to(self.tenant_id) as session:
            integration = ledger.of_tenant(session)
            if integration is None or not integration.is_served:
                return None
            name = "reread" if self.is_ours else "inbox"
            return cursors.take(session, name, lease_for=_INBOX_LEASE)

    def _waiting(self) -> int:
        with self.store.bound_to(self.tenant_id) as session:
            return inbox.waiting(session, is_ours=self.is_ours)

    def once(self) -> int:
        """Handle one batch. Returns the number of its deliveries; raises a JiraFailure."""
        cursor = self._cursor()
        if cursor is None:
            return 0
        try:
            delivery_count = self._once(cursor, doubtful=False) or self._once(cursor, doubtful=True)
            self._match()
            return delivery_count
        finally:
            with self.store.bound_to(self.tenant_id) as session:
                cursors.give_back(session, cursor)

    def _once(self, cursor: Cursor, *, doubtful: bool) -> int:
        batch = self._take(cursor, doubtful=doubtful)
        if batch is None:
            return 0
        deliveries = batch.deliveries
        try:
            self.unmatched_issues.update(dict.fromkeys(batch.read()))
            batch.store_rows()
            batch.follow_projects()
        except (JiraBusy, JiraDown, JiraRefused, Unavailable, Unwanted) as failure:
            with self.store.bound_to(self.tenant_id) as session:
                inbox.put_back(session, deliveries)
            if isinstance(failure, Unwanted):
                return 0
            raise
        except Exception as failure:
            # Deliveries behind it must not wait: the batch is tried again, in the end each delivery alone.
            log.exception("deliveries not applied", deliveries=len(deliveries))
            with self.store.bound_to(self.tenant_id) as session:
                inbox.fail(session, deliveries, condition_of(failure))
            return len(deliveries)
        log.info(
            "webhooks",
            tenant_id=str(self.tenant_id),
            own=self.is_ours,
            deliveries=len(deliveries),
            issues=len(batch.issue_ids),
            gone=len(batch.issue_read.gone_ids) if batch.issue_read else 0,
        )
        return len(deliveries)

    def _take(self, cursor: Cursor, *, doubtful: bool) -> Batch | None:
        with self.store.bound_to(self.tenant_id) as session:
            integration = ledger.of_tenant(session)
            if integration is None or not integration.is_served:
                return None
            deliveries = inbox.take(session, is_ours=self.is_ours, doubtful=doubtful)
            moment = {"ended_at": clock.now()} if deliveries else {}
            cursors.move(session, cursor, lease_for=_INBOX_LEASE, **moment)
            return batch_of(session, self.store, self.source, integration, deliveries) if deliveries else None


def _wait(seconds: float) -> None:
    threading.Event().wait(seconds)
