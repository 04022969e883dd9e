"""A hand works on a tenant's chunks for a while: a crew of threads that claim, walk, claim again.

A hand is an RQ job that holds nothing: it may die at any point, and whoever comes next goes on at the last page. After
its slice it goes to the back of the queue, and its slice ends early when others wait for a worker, so that a large site
does not keep a small one waiting. More chunks are walked at once than requests may be under way (the limiter sees to
those): while a page is stored, others are on the wire. Three of four members of a crew take top-ups first where there are
any: those are all waiting, pages of issues are all work.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from app import clock, jobs
from app.catalog.language import Fields
from app.errors import JiraRefused
from app.ingest import fieldmap, plan, rota
from app.ingest.crew import Crew, Keeper, outlast
from app.ingest.setback import tell
from app.ingest.turn import Slice
from app.ingest.walk import Walker
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

_TOGETHER = 8
"""Short chunks that are walked together."""
_SOON = timedelta(seconds=5)
_SMALLEST_CREW = 4


def walks_of(site_concurrency: int) -> int:
    """How many chunks of a site are walked at once, for so many requests at once."""
    return 2 * site_concurrency


def crew_size(settings: Settings) -> int:
    """Threads of a hand: the workers of one machine share a site's chunks; a few each even where there are many."""
    walks = walks_of(settings.site_concurrency)
    return min(walks, max(_SMALLEST_CREW, -(-walks // settings.worker_concurrency)))


def hands(settings: Settings) -> int:
    """Hands that find something to do for one tenant at the same time."""
    return -(-walks_of(settings.site_concurrency) // crew_size(settings))


@dataclass
class Hand:
    """What a hand works with."""

    store: Store
    sites: Sites
    tenant_id: UUID
    walks: int
    """Chunks that all hands together may walk at once."""
    crew_size: int
    """Threads of this hand."""
    line: jobs.Line | None = None
    """Who else waits for a worker; None, where a hand is not to ask."""
    walked: int = field(default=0, init=False)
    """Chunks that were claimed so far."""
    _fields: Fields | None = field(default=None, init=False)

    def work(self, *, until: datetime) -> str:
        """Work until the slice is over or nothing is claimable. Returns how it ended: `again`, `later` or `done`."""
        given = Slice(until, self._is_wanted_elsewhere)
        try:
            site = self.sites.open(self.tenant_id, Purpose.BACKFILL)
        except JiraRefused as refused:
            with self.store.bound_to(self.tenant_id) as session:
                tell(session, self.tenant_id, str(refused))
            return "later"
        crew = Crew(self.crew_size)
        walker = Walker(self.store, site, self.tenant_id, crew)
        with Keeper(self.store, self.tenant_id) as keeper:

            def turn(member: int) -> bool:
                chunks, fields = outlast(lambda: self._claim(least=plan.SHORT if member % 4 else 0))
                if not chunks:
                    return False
                self.walked += len(chunks)
                with keeper.holding(chunks[0]):
                    walker.walk_all(chunks, fields, given)
                return True

            crew.run(turn, given)
        return self._hand_on(is_time_up=given.is_over())

    def _is_wanted_elsewhere(self) -> bool:
        return self.line is not None and self.line.is_wanted_elsewhere(self.tenant_id)

    def _waiting(self) -> int:
        return self.line.waiting(self.tenant_id) if self.line else 0

    def _claim(self, *, least: int) -> tuple[list[Chunk], Fields]:
        """What to walk next, under one lease; nothing where nothing is due, or nobody wants it any more."""
        nothing: tuple[list[Chunk], Fields] = [], Fields()
        with self.store.bound_to(self.tenant_id) as session:
            integration = ledger.of_tenant(session, self.tenant_id)
            if integration is None or not integration.is_served:
                return nothing
            chunks = claims.claim(session, self.tenant_id, at_once=self.walks, least=least, most=_TOGETHER)
            if not chunks:
                return nothing
            fields = self._fields_for(session, integration, chunks[0])
            if fields is None:
                soon = clock.now() + timedelta(seconds=1)
                for each in chunks:
                    checkpoints.postpone(
                        session, each, until=soon, problem="waiting for the site's fields", counts=False
                    )
                return nothing
            return chunks, fields

    def _fields_for(self, session: Session, integration: Integration, chunk: Chunk) -> Fields | None:
        """The site's field ids, as they are now for a walk of issues; None where it needs them and they are not there yet."""
        if chunk.entity == "issue":
            if not fieldmap.is_known(session):
                return None
            self._fields = fieldmap.load(session, integration)
        return self._fields or fieldmap.load(session, integration)

    def _hand_on(self, *, is_time_up: bool) -> str:
        """Queue again, come back when something is due, or have everything checked."""
        with self.store.bound_to(self.tenant_id) as session:
            stand = claims.standing(session)
            if stand.waiting == 0:
                integration = ledger.of_tenant(session, self.tenant_id)
                # What is healthy is verified by the clock: walks that an edit brought do not count the whole site.
                if integration is not None and integration.state is State.BACKFILLING:
                    session.enqueue(jobs.VERIFY, str(self.tenant_id), once_as=f"{self.tenant_id}-{clock.epoch() // 5}")
                elif integration is not None and integration.state is State.NEEDS_ATTENTION:
                    rota.hasten(session, jobs.VERIFY.name)
                return "done"
            if is_time_up and stand.due:
                # Surplus hands, which a sweep or a webhook lent meanwhile, go for good.
                if self._waiting() * self.crew_size < self.walks:
                    plan.lend_hands(session, self.tenant_id, 1)
                return "again"
            due = max(stand.next_due or clock.now(), clock.now() + _SOON)
            name = f"{self.tenant_id}-{int(due.timestamp()) // 5}"
            session.park(jobs.BACKFILL, str(self.tenant_id), until=due, once_as=name)
        return "later"
