"""One chunk, walked to its end: fetch a page, store it with its checkpoint, repeat.

Jira's token walks have ended early, gone in circles and sent empty pages, so a walk of issues is held against Jira's own
count: a large chunk is halved before it starts, a short one is counted, halved and walked again, a lasting gap recorded.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from app import clock, logs
from app.catalog.language import OPEN_END, Each, Entity, Paging, Walk
from app.catalog.registry import entity as entity_of
from app.conditions import Code, Condition
from app.errors import JiraDown, JiraFailure
from app.ingest.backfill import retry, serving, short_walks
from app.ingest.backfill.threads import retry_while_unavailable
from app.ingest.planning import plan
from app.ingest.writing import memberships, unreadable
from app.ingest.writing.page import ParsedPage, parse_page, write_page
from app.ingest.writing.quarantine import quarantine
from app.sources import ISSUE_PAGE, Broken, Page, Place, Scope, WalkGuard, follow, is_site_well
from app.sources.outcomes import attempt
from app.store import checkpoints
from app.store.checkpoints import LeaseLost
from app.store.session import StoreFault

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from app.catalog.field_policy import FieldPolicy
    from app.ingest.backfill.page_size import PageSizer
    from app.ingest.backfill.threads import WorkerThreads
    from app.ingest.backfill.time_slice import Deadline
    from app.sources import Finding, Source
    from app.store.checkpoints import Chunk
    from app.store.session import Store

log = logs.get(__name__)

LARGEST = 1000
"""Issues of a chunk before it is halved: ten pages keep all threads busy on a site of any size."""
_MINUTE_MS = 60_000  # Halves meet at whole minutes: JQL may compare no finer.


@dataclass
class ChunkWalk:
    """A walk under way: its chunk at the last checkpoint, and its guard."""

    chunk: Chunk
    walk: Walk
    policy: FieldPolicy
    guard: WalkGuard
    place: Place = field(default_factory=Place)
    """Place of the page that was fetched last."""
    size: int | None = None
    """Issues of the next page; None for lists other than issues."""
    listed_ids: list[str] | None = None
    """Ids of an issue's list so far; None where its beginning was read elsewhere, or an object of it was unreadable."""

    @property
    def is_counted(self) -> bool:
        """Whether the walk is held against the site's own count."""
        return self.walk.paging is Paging.TOKEN

    @property
    def scope(self) -> Scope:
        """The chunk's issues."""
        return Scope(self.chunk.scope_id, self.chunk.lower, self.chunk.upper, self.policy)

    def note_list(self, parsed_page: ParsedPage) -> None:
        """Note the ids of a page of an issue's list."""
        if not self.place.offset:
            self.listed_ids = []
        if parsed_page.poison:
            self.listed_ids = None
        if self.listed_ids is not None:
            self.listed_ids += parsed_page.own_ids

    def complete_list(self, entity: Entity) -> dict[Entity, dict[str, list[str]]]:
        """The issue with its ids, where the site's own total proves the list complete."""
        ids = self.listed_ids
        return {entity: {self.chunk.scope_id: ids}} if ids is not None and len(set(ids)) == self.guard.expected else {}


class LastPage(NamedTuple):
    """The last page of a walk, read and not yet stored."""

    chunk_walk: ChunkWalk
    parsed_page: ParsedPage
    page: Page


@dataclass(frozen=True)
class Walker:
    """Walks chunks of one tenant."""

    store: Store
    source: Source
    tenant_id: UUID
    threads: WorkerThreads
    page_sizer: PageSizer

    def walk_all(self, chunks: Sequence[Chunk], policy: FieldPolicy, deadline: Deadline) -> None:
        """Walk chunks one after the other, and store the last pages of short ones together.

        A chunk that can't go on is settled here. The deadline or an error releases the others without an attempt.
        """
        last_pages: list[LastPage] | None = [] if len(chunks) > 1 else None
        waiting_chunks = list(chunks)
        try:
            while waiting_chunks and (len(waiting_chunks) == len(chunks) or not deadline.is_over()):
                self._walk(waiting_chunks.pop(0), policy, deadline, last_pages)
        finally:
            self._release(waiting_chunks)
            if last_pages:
                self._store_together(last_pages)

    def _walk(self, chunk: Chunk, policy: FieldPolicy, deadline: Deadline, last_pages: list[LastPage] | None) -> None:
        entity = entity_of(chunk.entity)
        if entity.walk is None:
            raise LookupError(f"{entity.name} has no walk")
        chunk_walk = ChunkWalk(chunk, entity.walk, policy, WalkGuard(chunk.expected, chunk.seen))
        was_site_well = False
        try:
            if chunk.attempts > retry.MOST_ATTEMPTS:
                retry.give_up(self, chunk, entity.walk, Broken(JiraDown(Code.WORKERS_DIED)))
                return
            # Asked before the try, since nothing can be asked during a pause.
            was_site_well = chunk.attempts >= retry.SAME_PAGE and is_site_well(self.source)
            # Raised refusals are those of counts, which name no object; the source itself reports a scope that is gone.
            finding = attempt(lambda: self._pages(entity, chunk_walk, deadline, last_pages), names_object=False)
            if finding is not None:
                retry.settle_finding(self, chunk_walk.chunk, finding)
        except LeaseLost:
            log.warning("lease lost", chunk=str(chunk.id), entity=chunk.entity)
        except JiraFailure as failure:
            retry.settle_failure(self, chunk_walk.chunk, entity.walk, failure, was_site_well=was_site_well)

    def _release(self, chunks: Sequence[Chunk]) -> None:
        if chunks:
            with self.store.bound_to(self.tenant_id) as session:
                checkpoints.release(session, chunks)

    def _pages(
        self, entity: Entity, chunk_walk: ChunkWalk, deadline: Deadline, last_pages: list[LastPage] | None
    ) -> Finding | None:
        """Fetch and store pages to the end of the chunk or the deadline. Returns the finding that ended the walk."""
        guard, chunk = chunk_walk.guard, chunk_walk.chunk
        if chunk_walk.is_counted and guard.expected is None:
            guard.expected = self.source.count(chunk_walk.scope)
            if guard.expected is not None and guard.expected > LARGEST and self.halve(chunk):
                return None
        pages = follow(
            lambda place: self._fetch(entity, chunk_walk, place), Place(chunk.page_token, chunk.page_offset), guard
        )
        while True:
            chunk_walk.size = self._next_size(chunk_walk)
            with self.page_sizer.take_turn(chunk_walk.size):
                if deadline.is_over():
                    self._release([chunk_walk.chunk])
                    return None
                page = next(pages, None)
                if page is None or not isinstance(page, Page):
                    return page
                self._keep(entity, chunk_walk, page, last_pages)
                if page.next is None:
                    return None

    def _next_size(self, chunk_walk: ChunkWalk) -> int | None:
        """Issues to ask for next; None for lists other than issues."""
        if not chunk_walk.is_counted:
            return None
        expected_count, chunk = chunk_walk.guard.expected, chunk_walk.chunk
        remaining_issues = expected_count - chunk.seen if expected_count is not None else None
        return self.page_sizer.size_for(self.tenant_id, chunk.scope_id, remaining_issues)

    def _fetch(self, entity: Entity, chunk_walk: ChunkWalk, place: Place) -> Page | Finding:
        chunk, size = chunk_walk.chunk, chunk_walk.size
        chunk_walk.place = place
        if chunk_walk.walk.paging is Paging.MATCH:
            return memberships.fetch(self.store, self.source, self.tenant_id, chunk, place)
        if size is None:
            request = self.source.children if chunk_walk.walk.each is Each.ISSUE else self.source.listing
            return request(entity, chunk.scope_id, place)
        page = self.source.issues(chunk_walk.scope, place, size)
        if isinstance(page, Page):
            self.page_sizer.weigh(self.tenant_id, chunk.scope_id, issues=len(page.items), octets=page.size)
        return page

    def _keep(self, entity: Entity, chunk_walk: ChunkWalk, page: Page, last_pages: list[LastPage] | None) -> None:
        """Parse and store a page, or keep it for the common transaction where it is the only one of a short walk."""
        if not chunk_walk.is_counted:
            chunk_walk.guard.expected = page.total
        if page.next is None and chunk_walk.is_counted and self._is_short(chunk_walk, page.length):
            return
        parsed_page = parse_page(entity, page.drained(), chunk_walk.policy, chunk_walk.chunk.scope_id or None)
        parsed_page.is_from_index = chunk_walk.is_counted
        last_page = LastPage(chunk_walk, parsed_page, page)
        if chunk_walk.walk.each is Each.ISSUE:
            chunk_walk.note_list(parsed_page)
            if page.next is None:
                parsed_page.complete_lists = chunk_walk.complete_list(entity)
                if last_pages is not None:
                    last_pages.append(last_page)
                    return
        self._store(last_page)

    def _store(self, last_page: LastPage) -> None:
        """One transaction: the page's rows, its follow-ups and its checkpoint."""
        chunk_walk, parsed_page, page = last_page
        try:
            retry_while_unavailable(lambda: self._commit(chunk_walk, parsed_page, page))
        except StoreFault:
            accepted_page = retry_while_unavailable(
                lambda: quarantine(self.store, self.tenant_id, parsed_page, read_at=page.sent_at)
            )
            retry_while_unavailable(lambda: self._commit(chunk_walk, accepted_page, page))

    def _store_together(self, last_pages: Sequence[LastPage]) -> None:
        """One transaction for the ends of several short walks; where it fails, one for each."""
        merged_page = ParsedPage(last_pages[0].parsed_page.entity, last_pages[0].parsed_page.policy)
        for last_page in last_pages:
            merged_page.add(last_page.parsed_page)
        try:
            retry_while_unavailable(lambda: self._commit_all(last_pages, merged_page))
        except (StoreFault, LeaseLost):
            for last_page in last_pages:
                with suppress(LeaseLost):
                    self._store(last_page)
            return
        self.threads.notify()
        for chunk_walk, parsed_page, page in last_pages:
            self._log(chunk_walk.chunk, page, len(parsed_page.rows))

    def _commit_all(self, last_pages: Sequence[LastPage], merged_page: ParsedPage) -> None:
        with self.store.bound_to(self.tenant_id) as session:
            write_page(session, merged_page, read_at=min(last_page.page.sent_at for last_page in last_pages))
            ends = [short_walks.End(walk.chunk, page.length, walk.guard.expected) for walk, _, page in last_pages]
            short_walks.finish(session, ends)
            serving.mark_ingested(session)

    def _log(self, chunk: Chunk, page: Page, changed_rows: int) -> None:
        context = {"tenant_id": str(self.tenant_id), "entity": chunk.entity, "scope": chunk.scope_id}
        log.info("page", **context, items=len(page.items), changed=changed_rows)

    def _commit(self, chunk_walk: ChunkWalk, parsed_page: ParsedPage, page: Page) -> None:
        chunk, page_length, expected_count = chunk_walk.chunk, page.length, chunk_walk.guard.expected
        with self.store.bound_to(self.tenant_id) as session:
            result = write_page(session, parsed_page, read_at=page.sent_at)
            unreadable.set_issues_aside(session, page.unreadable_issues)
            if isinstance(page, memberships.MembershipPage):
                memberships.bury_unmatched(session, page, parsed_page, at=page.sent_at)
            if page.next is not None:
                place = page.next
                chunk = checkpoints.advance(
                    session, chunk, token=place.token, offset=place.offset, seen=page_length, expected=expected_count
                )
            else:
                short_walks.finish(session, [short_walks.End(chunk, page_length, expected_count)])
                if chunk.entity == "issue":
                    checkpoints.plan(session, plan.for_stored(chunk.scope_id, chunk.lower, chunk.upper), again=True)
            serving.mark_ingested(session)
        chunk_walk.chunk = chunk
        if result.planned_chunks or page.next is None:
            self.threads.notify()
        self._log(chunk, page, result.changed_rows)

    def _is_short(self, chunk_walk: ChunkWalk, page_length: int) -> bool:
        """Whether the walk ended before Jira's own count, taken anew, and is scheduled to be walked again."""
        chunk, guard, seen_count = chunk_walk.chunk, chunk_walk.guard, chunk_walk.chunk.seen + page_length
        if guard.expected is None or seen_count >= guard.expected:
            return False
        recount = guard.expected = self.source.count(chunk_walk.scope)
        if recount is None or seen_count >= recount or chunk.attempts >= short_walks.LIMIT:
            return False
        log.warning("walk came up short", entity=chunk.entity, scope=chunk.scope_id, seen=seen_count, expected=recount)
        if recount <= ISSUE_PAGE or not self.halve(chunk):
            problem = Condition(Code.WALKED_AGAIN, expected=recount, count=seen_count)
            with self.store.bound_to(self.tenant_id) as session:
                checkpoints.restart(session, chunk, until=retry.back_off(chunk.attempts), problem=problem)
        self.threads.notify()
        return True

    def halve(self, chunk: Chunk) -> bool:
        """Split a chunk of issues at the middle of its time. Returns False where there is no middle."""
        lower = chunk.lower or self.source.first_created(Scope(chunk.scope_id, chunk.lower, chunk.upper))
        upper = int(clock.now().timestamp() * 1000) if chunk.upper == OPEN_END else chunk.upper
        middle = (lower + upper) // 2 // _MINUTE_MS * _MINUTE_MS
        if not lower or not lower < middle < upper:
            return False
        with self.store.bound_to(self.tenant_id) as session:
            checkpoints.split(session, chunk, middle)
        self.threads.notify()
        return True
