"""A hand works on a tenant's chunks for a while: claim, fetch, store with the checkpoint, again.

A hand is an RQ job that holds nothing: it may die at any point, and whoever comes next goes on at the last page. After
its slice it goes to the back of the queue, so that a large site does not keep a small one waiting.
"""

from __future__ import annotations

import random
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from app import clock, jobs, logs
from app.catalog.language import Each, Fields, Paging, find
from app.catalog.registry import entity
from app.errors import (
    JiraBusy,
    JiraDown,
    JiraFailure,
    JiraGone,
    JiraNonsense,
    JiraRefused,
    JiraRejected,
    TokenExpired,
    Unavailable,
)
from app.ingest import fieldmap
from app.ingest.storing import extract_page, store_page
from app.integrations import ledger
from app.integrations.model import State
from app.jira import pages
from app.store import checkpoints
from app.store.checkpoints import LeaseLost

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from uuid import UUID

    from app.catalog.language import Entity, Json, Walk
    from app.jira.client import Site
    from app.store.checkpoints import Chunk
    from app.store.session import Session, Store
    from app.tenants.sites import Sites

log = logs.get(__name__)

SLICE = timedelta(seconds=20)
"""How long a hand stays with one tenant before it queues again."""
_MOST_ATTEMPTS = 8
_PROBE = timedelta(hours=1)
"""How often a broken credential is tried again."""
ISSUE_PARAMS: dict[str, str | int | Sequence[str | int]] = {"fields": "*all", "expand": "changelog"}


@dataclass(frozen=True)
class Hand:
    """What a hand works with."""

    store: Store
    sites: Sites
    tenant_id: UUID
    site_concurrency: int

    def work(self, *, until: datetime) -> str:
        """Work until the time is up or nothing is claimable. Returns how it ended: `again`, `later` or `done`."""
        try:
            site = self.sites.open(self.tenant_id)
        except JiraRefused as refused:
            return self._stand_down(str(refused))
        while clock.now() < until:
            claimed = self._claim()
            if claimed is None:
                return self._look_ahead()
            self._walk(site, *claimed, until)
        with self.store.bound_to(self.tenant_id) as session:
            session.enqueue(jobs.BACKFILL, str(self.tenant_id))
        return "again"

    def _claim(self) -> tuple[Chunk, Fields] | None:
        with self.store.bound_to(self.tenant_id) as session:
            integration = ledger.of_tenant(session, self.tenant_id)
            if integration is None or not integration.state.is_working:
                return None
            chunk = checkpoints.claim(session, self.tenant_id, at_once=self.site_concurrency)
            if chunk is None:
                return None
            if chunk.entity == "issue" and not fieldmap.is_known(session):
                soon = clock.now() + timedelta(seconds=2)
                checkpoints.postpone(session, chunk, until=soon, problem="waiting for the site's fields", counts=False)
                return None
            return chunk, fieldmap.load(session, integration)

    def _walk(self, site: Site, chunk: Chunk, fields: Fields, until: datetime) -> None:
        """Walk a chunk page by page until its end, the end of the time, or a failure."""
        walk_entity = entity(chunk.entity)
        if walk_entity.walk is None:
            raise LookupError(f"{chunk.entity} has no walk")
        try:
            with _kept(self.store, self.tenant_id, chunk):
                self._pages(site, walk_entity, walk_entity.walk, chunk, fields, until)
        except LeaseLost:
            log.warning("lease lost", chunk=str(chunk.id), entity=chunk.entity)
        except JiraFailure as failure:
            self._settle(chunk, walk_entity.walk, failure)

    def _pages(
        self, site: Site, walk_entity: Entity, walk: Walk, chunk: Chunk, fields: Fields, until: datetime
    ) -> None:
        place, expected = pages.Place(chunk.page_token, chunk.page_offset), chunk.expected
        if expected is None and walk.paging is Paging.TOKEN:
            expected = count(site, jql_of(chunk.scope_id))
        while True:
            page = pages.fetch(site, walk, place, path=_path(walk, chunk), params=_params(walk, chunk))
            expected = expected if walk.paging is Paging.TOKEN else page.total
            self._store(walk_entity, chunk, fields, page, expected)
            if page.next is None:
                return
            place = page.next
            if clock.now() >= until:
                with self.store.bound_to(self.tenant_id) as session:
                    checkpoints.release(session, chunk)
                return

    def _store(self, walk_entity: Entity, chunk: Chunk, fields: Fields, page: pages.Page, expected: int | None) -> None:
        """One transaction: the page's rows, what they bring, and the checkpoint behind them."""
        haul = extract_page(walk_entity, page.items, fields, chunk.scope_id or None)
        with self.store.bound_to(self.tenant_id) as session:
            changed = store_page(session, self.tenant_id, haul, read_at=page.sent_at)
            upcoming = page.next or pages.Place()
            checkpoints.advance(
                session,
                chunk,
                token=upcoming.token,
                offset=upcoming.offset,
                seen=len(page.items),
                expected=expected,
            )
            if page.next is None:
                checkpoints.finish(session, chunk)
            if not ledger.mark_ingested(session, self.tenant_id):
                raise LeaseLost("the integration was paused, disconnected or deleted meanwhile")
        log.info(
            "page", tenant_id=str(self.tenant_id), entity=chunk.entity, scope=chunk.scope_id, items=len(page.items),
            changed=changed,
        )  # fmt: skip

    def _settle(self, chunk: Chunk, walk: Walk, failure: JiraFailure) -> None:
        """What becomes of a chunk whose walk met a failure."""
        problem = f"{failure.word}: {failure}"
        log.warning("walk stopped", entity=chunk.entity, scope=chunk.scope_id, problem=problem)
        with self.store.bound_to(self.tenant_id) as session:
            if isinstance(failure, JiraBusy):
                checkpoints.postpone(session, chunk, until=failure.retry_at, problem=problem, counts=False)
            elif isinstance(failure, JiraGone) and walk.each is not Each.SITE:
                # The project, board or issue vanished meanwhile: nothing left to walk.
                checkpoints.finish(session, chunk)
            elif isinstance(failure, JiraRefused):
                checkpoints.postpone(session, chunk, until=clock.now() + _PROBE, problem=problem, counts=False)
                self._tell(session, f"Jira refuses us: {failure}")
            elif isinstance(failure, JiraRejected | JiraGone) or chunk.attempts >= _MOST_ATTEMPTS:
                checkpoints.fail(session, chunk, problem=problem)
            elif isinstance(failure, TokenExpired):
                checkpoints.restart(session, chunk, problem=problem)
            elif isinstance(failure, JiraDown | JiraNonsense):
                checkpoints.postpone(session, chunk, until=_back_off(chunk.attempts), problem=problem, counts=True)
            else:
                checkpoints.fail(session, chunk, problem=problem)

    def _look_ahead(self) -> str:
        """Nothing to claim now: come back when something is due, or check that everything is there."""
        with self.store.bound_to(self.tenant_id) as session:
            stand = checkpoints.standing(session)
            if stand.waiting == 0:
                session.enqueue(jobs.VERIFY, str(self.tenant_id), once_as=f"{self.tenant_id}-{clock.epoch() // 5}")
                return "done"
            due = max(stand.next_due or clock.now(), clock.now() + timedelta(seconds=5))
            name = f"{self.tenant_id}-{int(due.timestamp())}"
            session.park(jobs.BACKFILL, str(self.tenant_id), until=due, once_as=name)
        return "later"

    def _stand_down(self, reason: str) -> str:
        with self.store.bound_to(self.tenant_id) as session:
            self._tell(session, reason)
        return "later"

    def _tell(self, session: Session, reason: str) -> None:
        integration = ledger.of_tenant(session, self.tenant_id)
        if integration is not None and integration.state.is_working:
            ledger.move_to(session, integration.id, State.NEEDS_ATTENTION, reason=reason)


@contextmanager
def _kept(store: Store, tenant_id: UUID, chunk: Chunk) -> Iterator[None]:
    """Renew the chunk's lease while the body runs: Jira may take longer for a page than a dead worker may be waited for."""
    done = threading.Event()

    def renew() -> None:
        while not done.wait(checkpoints.LEASE.total_seconds() / 3):
            try:
                with store.bound_to(tenant_id) as session:
                    checkpoints.renew(session, chunk)
            except (LeaseLost, Unavailable) as failure:
                # The walker will find out by itself when it commits its page.
                log.warning("lease not renewed", reason=str(failure))

    keeper = threading.Thread(target=renew, name="lease", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        done.set()
        keeper.join()


def count(site: Site, jql: str) -> int | None:
    """How many issues Jira says match; None where it will not say."""
    try:
        found = find(site.post("/rest/api/3/search/approximate-count", {"jql": jql}).body, "count")
    except JiraRejected:
        return None
    return found if isinstance(found, int) else None


def jql_of(project_id: str) -> str:
    """All issues of a project."""
    return f"project = {project_id}"


def _path(walk: Walk, chunk: Chunk) -> str:
    names = dict.fromkeys(("project_id", "board_id", "issue_id"), chunk.scope_id)
    return walk.path.format(**names)


def _params(walk: Walk, chunk: Chunk) -> dict[str, str | int | Sequence[str | int]]:
    if walk.paging is not Paging.TOKEN:
        return {}
    # `created` never changes, so an issue that is edited during the walk does not jump over the reader.
    return {"jql": f"{jql_of(chunk.scope_id)} ORDER BY created ASC, key ASC", **ISSUE_PARAMS}


def _back_off(attempts: int) -> datetime:
    """2, 4, 8, … seconds, at most five minutes, with jitter."""
    wait = min(2.0 ** (attempts + 1), 300.0) * random.uniform(0.7, 1.3)  # noqa: S311 - spreads retries, protects nothing
    return clock.now() + timedelta(seconds=wait)


def bodies_of(found: Json) -> list[Json]:
    """The issues of a search answer."""
    issues = find(found, "issues")
    return issues if isinstance(issues, list) else []
