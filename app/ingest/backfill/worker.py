"""Backfill worker: threads that claim a tenant's chunks, walk them and claim again, for one time slice.

A worker is an RQ job without state of its own: it may die at any point, and its successor resumes at the last stored page.
After its slice it goes to the back of the queue, and its slice ends early when others wait, so a large site doesn't delay
a small one. While more is due and no job waits, it enqueues one more worker: an idle process, on any machine, takes it at
once and gets its share (`peers`).

More chunks are walked at once than requests may be in flight (the limiter sees to those): while a page is stored, others
are on the wire. Three of four threads take top-ups first where there are any: those wait for the network, pages of issues
for the processor.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from app import clock, jobs
from app.catalog.field_policy import FieldPolicy
from app.conditions import Code, Condition
from app.errors import JiraRefused
from app.ingest.backfill.page_size import PageSizer
from app.ingest.backfill.peers import Peers, Share
from app.ingest.backfill.threads import LeaseRenewer, WorkerThreads, retry_while_unavailable
from app.ingest.backfill.time_slice import TimeSlice
from app.ingest.backfill.walk import Walker
from app.ingest.planning import field_policy, plan, tenant_schedule
from app.integrations import ledger
from app.integrations.model import State
from app.jira.limits import Purpose
from app.store import checkpoints, claims

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from app.config import Settings
    from app.integrations.model import Integration
    from app.store.checkpoints import Chunk
    from app.store.session import Session, Store
    from app.tenants.sites import Sites

_CLAIM_SIZE = 8
"""Short chunks under one lease."""
_NO_ROOM = timedelta(seconds=5)
"""Time after which a worker without a free slot comes back; where more is due, one is called sooner."""
_SMALLEST_CREW = 4
_LEAST_PART = 2
"""Walks that justify one more worker."""
_LOOK = timedelta(seconds=0.5)
"""Interval between two checks whether another worker would find a process."""
_PATIENCE, _PAUSE = timedelta(seconds=3), 0.1
"""Time for which a worker waits for its share, and seconds between two checks."""


def walk_limit(site_concurrency: int) -> int:
    """Chunks of a site that are walked at once, for a number of concurrent requests."""
    return 2 * site_concurrency


def thread_count(settings: Settings) -> int:
    """Threads of a worker: the processes of one machine share a site's chunks; each has a few even where there are many."""
    walks = walk_limit(settings.site_concurrency)
    return min(walks, max(_SMALLEST_CREW, -(-walks // settings.worker_concurrency)))


def worker_count(settings: Settings) -> int:
    """Workers of one tenant that find work at the same time."""
    return -(-walk_limit(settings.site_concurrency) // thread_count(settings))


@dataclass
class BackfillWorker:
    """One worker at one tenant."""

    store: Store
    sites: Sites
    tenant_id: UUID
    walks: int
    """Chunks that all workers together may walk at once."""
    thread_count: int
    """Threads of this worker."""
    queue_view: jobs.QueueView | None = None
    """Waiting jobs of other tenants; None: never yield."""
    page_sizer: PageSizer = field(default_factory=PageSizer)
    """Page sizes of this process."""
    walked_chunks: int = field(default=0, init=False)
    """Number of chunks claimed so far."""
    _fields: FieldPolicy | None = field(default=None, init=False)
    _look_at: datetime = field(default_factory=clock.now, init=False)

    def work(self, *, until: datetime) -> str:
        """Work until the slice is over or no chunk is claimable. Returns the end: `again`, `later` or `done`."""
        deadline = TimeSlice(until, self._is_wanted_elsewhere)
        try:
            source = self.sites.open(self.tenant_id, Purpose.BACKFILL)
        except JiraRefused as refusal:
            with self.store.bound_to(self.tenant_id) as session:
                _tell(session, Condition(Code.JIRA_REFUSES, why=refusal.condition))
            return "later"
        threads = WorkerThreads(self.thread_count)
        walker = Walker(self.store, source, self.tenant_id, threads, self.page_sizer)
        redis = self.queue_view.redis if self.queue_view else None
        with LeaseRenewer(self.store, self.tenant_id) as renewer, Peers(redis, self.tenant_id) as peers:
            share = Share(self.walks, peers)

            def take_turn(member: int) -> bool:
                slot = share.take(deadline)
                if slot is None:
                    return False
                with slot:
                    chunks, fields = retry_while_unavailable(
                        lambda: self._claim(peers, min_priority=plan.SHORT if member % 4 else 0)
                    )
                    if not chunks:
                        return False
                    self.walked_chunks += len(chunks)
                    with renewer.holding(chunks[0]):
                        walker.walk_all(chunks, fields, slot)
                return True

            self._wait_for_room(peers, deadline)
            threads.run(take_turn, deadline)
        return self._hand_on(is_time_up=deadline.is_over())

    def _wait_for_room(self, peers: Peers, deadline: TimeSlice) -> None:
        """Register as a peer, and wait until the others have released a walk where they hold all of them."""
        until = clock.now() + _PATIENCE
        while peers.count() > 1 and clock.now() < until and not deadline.is_over():
            with self.store.bound_to(self.tenant_id) as session:
                if claims.has_room(session, at_once=self.walks):
                    return
            threading.Event().wait(_PAUSE)

    def _is_wanted_elsewhere(self) -> bool:
        return self.queue_view is not None and self.queue_view.is_wanted_elsewhere(self.tenant_id)

    def _waiting(self) -> int:
        return self.queue_view.waiting(self.tenant_id) if self.queue_view else 0

    def _claim(self, peers: Peers, *, min_priority: int) -> tuple[list[Chunk], FieldPolicy]:
        """The next chunks, under one lease; none where none is due or the integration isn't served."""
        no_chunks: tuple[list[Chunk], FieldPolicy] = [], FieldPolicy()
        with self.store.bound_to(self.tenant_id) as session:
            integration = ledger.of_tenant(session)
            if integration is None or not integration.is_served:
                return no_chunks
            chunks = claims.claim(session, at_once=self.walks, min_priority=min_priority, limit=_CLAIM_SIZE)
            if not chunks:
                return no_chunks
            fields = self._fields_for(session, integration, chunks[0])
            if fields is None:
                retry_at = clock.now() + timedelta(seconds=1)
                for chunk in chunks:
                    problem = Condition(Code.FIELDS_AWAITED)
                    checkpoints.postpone(session, chunk, until=retry_at, problem=problem, counts=False)
                return no_chunks
            self._call_for_another(session, peers)
            return chunks, fields

    def _call_for_another(self, session: Session, peers: Peers) -> None:
        """Enqueue one more worker while more is due, unless one waits already."""
        if self.queue_view is None or clock.now() < self._look_at:
            return
        self._look_at = clock.now() + _LOOK
        has_enough = peers.count() * _LEAST_PART >= self.walks
        if not has_enough and self.queue_view.is_empty() and claims.is_any_due(session):
            plan.enqueue_workers(session, 1)

    def _fields_for(self, session: Session, integration: Integration, chunk: Chunk) -> FieldPolicy | None:
        """The field policy, current for a walk of issues; None where the site's fields aren't read yet."""
        if chunk.entity == "issue":
            if not field_policy.is_known(session):
                return None
            self._fields = field_policy.load(session, integration)
        return self._fields or field_policy.load(session, integration)

    def _hand_on(self, *, is_time_up: bool) -> str:
        """Queue again, come back when a chunk is due, or have the site verified."""
        with self.store.bound_to(self.tenant_id) as session:
            stand = claims.standing(session)
            if stand.waiting == 0:
                integration = ledger.of_tenant(session)
                # What is healthy is verified by the clock: walks that an edit brought do not count the whole site.
                if integration is not None and integration.state is State.BACKFILLING:
                    session.enqueue(jobs.VERIFY, str(self.tenant_id), once_as=f"{self.tenant_id}-{clock.epoch() // 5}")
                elif integration is not None and integration.state is State.NEEDS_ATTENTION:
                    tenant_schedule.hasten(session, jobs.VERIFY.name)
                return "done"
            if is_time_up and stand.due:
                # Surplus hands, which a sweep or a webhook lent meanwhile, go for good.
                if self._waiting() * self.thread_count < self.walks:
                    plan.enqueue_workers(session, 1)
                return "again"
            # Hands that wait for the same second are one.
            due = stand.next_due if stand.next_due and not stand.due else clock.now() + _NO_ROOM
            until = clock.whole_second(due)
            name = f"{self.tenant_id}-{until.timestamp():.0f}"
            session.park(jobs.BACKFILL, str(self.tenant_id), until=until, once_as=name)
        return "later"


def _tell(session: Session, reason: Condition) -> None:
    """Move the integration to *needs attention*."""
    integration = ledger.of_tenant(session)
    if integration is not None and integration.state.is_working:
        ledger.move_to(session, integration.id, State.NEEDS_ATTENTION, reason=reason)
