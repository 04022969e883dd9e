"""Webhooks are hints: what they name is read again. Their bodies are not signed, may be old, doubled or cut.

One worker drains a tenant's inbox at a time. Deliveries that name the same issue are answered by one read, and rows and
deliveries are settled in one transaction.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from app import clock, jobs, logs
from app.catalog.json_value import find
from app.catalog.registry import entity
from app.errors import JiraBusy, JiraDown, JiraFailure, JiraNonsense, JiraRefused, Unavailable
from app.ingest.drift import list_refresh
from app.ingest.live import evidence
from app.ingest.planning import field_policy, inbox
from app.ingest.planning.events import LIST_AT, ONE_AT, PROJECT_DELETED
from app.ingest.planning.plan import enqueue_worker_once
from app.ingest.writing import absences, memberships, project_access
from app.ingest.writing.page import parse_page, write_page
from app.ingest.writing.quarantine import quarantine
from app.integrations import ledger
from app.sources import READ_BATCH, Broken, Gone, NotForUs, NotOffered
from app.sources.answers import is_archived
from app.store import cursors
from app.store.session import StoreFault

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime
    from uuid import UUID

    from app.catalog.field_policy import FieldPolicy
    from app.catalog.json_value import Json
    from app.ingest.drift.list_refresh import Look
    from app.ingest.planning.inbox import Delivery
    from app.ingest.writing.page import ParsedPage
    from app.sources import Source
    from app.sources.answers import IssueRead
    from app.store.cursors import Cursor
    from app.store.session import Session, Store

log = logs.get(__name__)

SLICE = timedelta(seconds=20)
"""How long one job drains before it queues again behind others."""
GAP = timedelta(seconds=0.6)
"""From one read of a site to the next: of a site that keeps changing, one read then answers many deliveries."""
_ALONE = timedelta(seconds=10)
"""How long a silent worker keeps others from the inbox: where Jira takes longer, two may read, each its own deliveries."""
_MEMBERS = timedelta(seconds=10)
"""After which issues that were read are held against the boards' filters, if more keep coming."""
_SOON, _LATER = timedelta(seconds=5), timedelta(minutes=1)
"""When the site is asked again: after it did not answer, and after it refused."""


class Unwanted(Exception):
    """The integration was paused, disconnected or deleted meanwhile: nothing is written."""


@dataclass
class _Batch:
    """Deliveries that are answered together, and what was read for them."""

    taken: list[Delivery]
    policy: FieldPolicy
    issues: list[str] = field(default_factory=list)
    read: IssueRead | None = None
    parsed: ParsedPage | None = None
    looks: list[Look] = field(default_factory=list)
    lost_projects: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Drain:
    """Reads again what a tenant's deliveries name: Jira's own, or (`own`) those that our sweeps asked for."""

    store: Store
    source: Source
    tenant_id: UUID
    own: bool = False
    gap: timedelta = GAP
    queue_view: jobs.QueueView | None = None
    """Who else waits for a worker; None, where a drain is not to ask."""
    lately: dict[str, None] = field(default_factory=dict, init=False)
    """Issues that were read and not yet held against the boards' filters."""

    def run(self, *, until: datetime) -> int:
        """Handle what waits, until nothing does or the time is up. Returns how many deliveries were handled."""
        handled = 0
        while clock.now() < until:
            cursor = self._cursor()
            if cursor is None:
                return handled
            handled += self._drain(cursor, until)
            # Whatever was kept before the cursor was given back, and whose job found it taken, is seen here.
            if not self._waiting():
                return handled
        return handled

    def _drain(self, cursor: Cursor, until: datetime) -> int:
        handled, put_off = 0, None
        last, matched_at = cursor.ended_at, clock.now()
        try:
            while clock.now() < until and (waiting := self._waiting()):
                self._let_gather(last, waiting)
                last = clock.now()
                before = handled
                for doubtful in (False, True):
                    handled += self._once(cursor, doubtful=doubtful)
                if handled == before:
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
            put_off = clock.now() + (_SOON if isinstance(failure, JiraDown) else _LATER)
            raise
        finally:
            with self.store.bound_to(self.tenant_id) as session:
                cursors.give_back(session, cursor, until=put_off)
        return handled

    def _match(self) -> None:
        """Which boards hold what was read lately; every poll asks that again, once the index has caught up."""
        issues = [*self.lately]
        self.lately.clear()
        try:
            finding = memberships.follow(self.store, self.source, self.tenant_id, issues)
        except JiraNonsense as nonsense:
            finding = Broken(nonsense)
        match finding:
            case None:
                pass
            case NotOffered(failure) | Broken(failure):
                log.warning("boards not asked", tenant_id=str(self.tenant_id), problem=str(failure))
            case NotForUs(failure) | Gone(failure):
                raise failure

    def _let_gather(self, last: datetime | None, waiting: int) -> None:
        """Wait until the site's last read is a moment ago.

        Not where as many wait as one read takes, nor where anybody else waits for this worker.
        """
        left = (last + self.gap - clock.now()).total_seconds() if last else 0.0
        if (
            left > 0
            and waiting < READ_BATCH
            and not (self.queue_view and self.queue_view.is_live(besides=self.tenant_id))
        ):
            _wait(left)

    def _cursor(self) -> Cursor | None:
        """The inbox, for this worker alone; None while another has it, and where nobody wants it read."""
        with self.store.bound_to(self.tenant_id) as session:
            integration = ledger.of_tenant(session)
            if integration is None or not integration.is_served:
                return None
            name = "reread" if self.own else "inbox"
            return cursors.take(session, name, lease_for=_ALONE)

    def _waiting(self) -> int:
        with self.store.bound_to(self.tenant_id) as session:
            return inbox.waiting(session, own=self.own)

    def once(self) -> int:
        """Handle one batch. Returns how many deliveries were handled; raises a JiraFailure."""
        cursor = self._cursor()
        if cursor is None:
            return 0
        try:
            done = self._once(cursor, doubtful=False) or self._once(cursor, doubtful=True)
            self._match()
            return done
        finally:
            with self.store.bound_to(self.tenant_id) as session:
                cursors.give_back(session, cursor)

    def _once(self, cursor: Cursor, *, doubtful: bool) -> int:
        batch = self._take(cursor, doubtful=doubtful)
        if batch is None:
            return 0
        try:
            self._read(batch)
            try:
                self._commit(batch)
            except StoreFault:
                if batch.parsed is None or batch.read is None:
                    raise
                batch.parsed = quarantine(self.store, self.tenant_id, batch.parsed, read_at=batch.read.sent_at)
                self._commit(batch)
            self._follow(batch)
        except (JiraBusy, JiraDown, JiraRefused, Unavailable, Unwanted) as failure:
            self._put_back(batch)
            if isinstance(failure, Unwanted):
                return 0
            raise
        except Exception as failure:
            # Whatever it is, it must not hold up what comes behind: the batch is tried again, in the end each alone.
            log.exception("deliveries not applied", deliveries=len(batch.taken))
            with self.store.bound_to(self.tenant_id) as session:
                said = str(failure) if isinstance(failure, JiraFailure) else type(failure).__name__
                inbox.fail(session, batch.taken, said)
            return len(batch.taken)
        read = batch.read
        log.info(
            "webhooks",
            tenant_id=str(self.tenant_id),
            own=self.own,
            deliveries=len(batch.taken),
            issues=len(batch.issues),
            gone=len(read.gone) if read else 0,
        )
        return len(batch.taken)

    def _commit(self, batch: _Batch) -> None:
        """One transaction: what was read, and that it was. Raises Unwanted."""
        with self.store.bound_to(self.tenant_id) as session:
            self._apply(session, batch)
            inbox.finish(session, batch.taken)
            if not ledger.mark_ingested(session):
                raise Unwanted

    def _put_back(self, batch: _Batch) -> None:
        with self.store.bound_to(self.tenant_id) as session:
            inbox.put_back(session, batch.taken)

    def _take(self, cursor: Cursor, *, doubtful: bool) -> _Batch | None:
        with self.store.bound_to(self.tenant_id) as session:
            integration = ledger.of_tenant(session)
            if integration is None or not integration.is_served:
                return None
            taken = inbox.take(session, own=self.own, doubtful=doubtful)
            ended = {"ended_at": clock.now()} if taken else {}
            cursors.move(session, cursor, lease_for=_ALONE, **ended)
            if not taken:
                return None
            return _Batch(taken, field_policy.load(session, integration), evidence.issues(session, taken))

    def _read(self, batch: _Batch) -> None:
        """All questions to Jira, before the transaction begins. Raises a JiraFailure."""
        if batch.issues:
            batch.read = read = self.source.by_ids(batch.issues, batch.policy, doubted=evidence.deleted(batch.taken))
            bodies = [body for body in read.bodies if not is_archived(body) or not _is_among(body, read.unsearchable)]
            batch.parsed = parse_page(entity("issue"), bodies, batch.policy, None)
            self.lately.update(dict.fromkeys(str(find(body, "id")) for body in bodies))
        for name in ONE_AT:
            for known in evidence.named(batch.taken, name):
                batch.looks.append(list_refresh.at_one(self.source, entity(name), known))
        for name in LIST_AT:
            for scope in evidence.named(batch.taken, name, whole=not LIST_AT[name]):
                look = list_refresh.at_list(self.store, self.source, self.tenant_id, entity(name), scope)
                if isinstance(look, Gone):
                    batch.lost_projects |= {scope} - {""}
                else:
                    batch.looks.append(look)

    def _apply(self, session: Session, batch: _Batch) -> None:
        if batch.read is not None and batch.parsed is not None:
            stored = write_page(session, batch.parsed, read_at=batch.read.sent_at)
            if stored.planned:
                enqueue_worker_once(session)
            self._settle_absent(session, batch, batch.read, batch.parsed)
        for look in batch.looks:
            list_refresh.keep(session, look, batch.policy)

    def _settle_absent(self, session: Session, batch: _Batch, read: IssueRead, parsed: ParsedPage) -> None:
        """What has become of issues that the search did not return."""
        absences.seen_again(session, [row.id for row in parsed.rows if row.entity is parsed.entity])
        archived = {str(find(each, "id")) for each in read.bodies if is_archived(each)} & read.unsearchable
        deleted = evidence.deleted(batch.taken) & read.gone
        for because, found, said in (("archived", archived, "a direct read"), ("deleted", deleted, "a webhook")):
            if live := memberships.live(session, found):
                absences.bury(session, live, because, evidence=said)
        absences.miss(session, sorted(read.gone - deleted), evidence=evidence.evidence(batch.taken))

    def _follow(self, batch: _Batch) -> None:
        """What a change of a project means for all that lies in it; small steps, each its own transaction."""
        looked = {known for look in batch.looks if look.entity.name == "project" for known in look.gone}
        looked |= batch.lost_projects
        events = {delivery.event for delivery in batch.taken}
        if any(delivery.hints.get("access") for delivery in batch.taken):
            with self.store.bound_to(self.tenant_id) as session:
                looked |= set(project_access.known_projects(session))
        if looked:
            said = {p for d in batch.taken if d.event in PROJECT_DELETED for p in d.hints.get("project", ())}
            project_access.look_at(self.store, self.source, self.tenant_id, looked, deleted=said)
        if looked or any(event.startswith("project_") for event in events):
            project_access.bury_closed(self.store, self.tenant_id)


def _wait(seconds: float) -> None:
    threading.Event().wait(seconds)


def _is_among(body: Json, issues: Collection[str]) -> bool:
    return str(find(body, "id")) in issues
