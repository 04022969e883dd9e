"""A hand works on a tenant's chunks for a while: a crew of threads that claim, walk, claim again.

A hand is an RQ job that holds nothing: it may die at any point, and whoever comes next goes on at the last page. After
its slice it goes to the back of the queue, so that a large site does not keep a small one waiting. More chunks are walked
at once than requests may be under way (the limiter sees to those): while a page is stored, others are on the wire. Three of
four members of a crew take top-ups first where there are any: those are all waiting, pages of issues are all work.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from app import clock, jobs
from app.catalog.language import Fields
from app.errors import JiraRefused
from app.ingest import fieldmap, plan
from app.ingest.crew import Crew, Keeper
from app.ingest.setback import tell
from app.ingest.walk import Walker
from app.integrations import ledger
from app.jira.limits import Purpose
from app.store import checkpoints, claims

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from app.integrations.model import Integration
    from app.store.checkpoints import Chunk
    from app.store.session import Session, Store
    from app.tenants.sites import Sites

SLICE = timedelta(seconds=20)
"""How long a hand stays with one tenant before it queues again."""
_TOGETHER = 8
"""Short chunks that are walked together."""
_SOON = timedelta(seconds=5)


def walks_of(site_concurrency: int) -> int:
    """How many chunks of a site are walked at once, for so many requests at once."""
    return 2 * site_concurrency


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
    walked: int = field(default=0, init=False)
    """Chunks that were claimed so far."""
    _fields: Fields | None = field(default=None, init=False)

    def work(self, *, until: datetime) -> str:
        """Work until the time is up or nothing is claimable. Returns how it ended: `again`, `later` or `done`."""
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
                chunks, fields = self._claim(least=plan.SHORT if member % 4 else 0)
                if not chunks:
                    return False
                self.walked += len(chunks)
                with keeper.holding(chunks[0]):
                    walker.walk_all(chunks, fields, until)
                return True

            crew.run(turn, until=until)
        return self._hand_on(is_time_up=clock.now() >= until)

    def _claim(self, *, least: int) -> tuple[list[Chunk], Fields]:
        """What to walk next, under one lease; nothing where nothing is due, or nobody wants it any more."""
        nothing: tuple[list[Chunk], Fields] = [], Fields()
        with self.store.bound_to(self.tenant_id) as session:
            integration = ledger.of_tenant(session, self.tenant_id)
            if integration is None or not integration.state.is_working:
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
        """The site's field ids, read once a hand; None where a walk needs them and they are not there yet."""
        if self._fields is None and (chunk.entity != "issue" or fieldmap.is_known(session)):
            fields = fieldmap.load(session, integration)
            if chunk.entity == "issue":
                self._fields = fields
            return fields
        return self._fields

    def _hand_on(self, *, is_time_up: bool) -> str:
        """Queue again, come back when something is due, or have everything checked."""
        with self.store.bound_to(self.tenant_id) as session:
            stand = claims.standing(session)
            if stand.waiting == 0:
                session.enqueue(jobs.VERIFY, str(self.tenant_id), once_as=f"{self.tenant_id}-{clock.epoch() // 5}")
                return "done"
            if is_time_up and stand.due:
                session.enqueue(jobs.BACKFILL, str(self.tenant_id))
                return "again"
            due = max(stand.next_due or clock.now(), clock.now() + _SOON)
            name = f"{self.tenant_id}-{int(due.timestamp()) // 5}"
            session.park(jobs.BACKFILL, str(self.tenant_id), until=due, once_as=name)
        return "later"
