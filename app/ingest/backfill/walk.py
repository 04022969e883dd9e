"""One chunk, walked to its end: fetch a page, store it with the checkpoint behind it, again.

Token walks of Jira have ended early, gone in circles and sent empty pages. So a walk of issues is held against Jira's own
count: a chunk that is too large is halved before it starts, one that came up short is counted again, halved and walked
again; what stays short is said, never swallowed.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from app import clock, logs
from app.catalog.extract import to_moment
from app.catalog.json_value import find
from app.catalog.language import Each, Fields, Paging
from app.catalog.registry import entity as entity_of
from app.errors import JiraFailure
from app.ingest.backfill import retry
from app.ingest.backfill.threads import retry_while_unavailable
from app.ingest.backfill.walk_guard import LARGEST, WalkGuard
from app.ingest.planning import plan
from app.ingest.writing import memberships
from app.ingest.writing.page import ParsedPage, parse_page, write_page
from app.ingest.writing.quarantine import quarantine
from app.integrations import ledger
from app.jira import pages
from app.sources.jql import count, jql_of
from app.store import checkpoints
from app.store.checkpoints import LeaseLost
from app.store.schema import OPEN_END
from app.store.session import StoreFault

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from app.catalog.language import Entity, Walk
    from app.ingest.backfill.page_size import PageSizer
    from app.ingest.backfill.threads import WorkerThreads
    from app.ingest.backfill.time_slice import Limit
    from app.jira.client import Site
    from app.store.checkpoints import Chunk
    from app.store.session import Session, Store

log = logs.get(__name__)

_MOST_SHORT = 3
"""How often a walk that came up short is walked again without getting further."""
_MINUTE_MS = 60_000
"""Halves meet at whole minutes: JQL may compare no finer."""
_ISSUE_PARAMS: dict[str, str | int | Sequence[str | int]] = {"fields": "*all", "expand": "changelog"}


_End: TypeAlias = "tuple[WalkGuard, ParsedPage, pages.Page]"
"""The last page of a walk, read and not yet stored."""


@dataclass(frozen=True)
class Walker:
    """Walks chunks of one tenant."""

    store: Store
    site: Site
    tenant_id: UUID
    threads: WorkerThreads
    page_sizer: PageSizer

    def walk_all(self, chunks: Sequence[Chunk], fields: Fields, deadline: Limit) -> None:
        """Walk chunks one after the other; the last pages of short ones are stored together.

        What cannot go on, or has no time left, is settled here.
        """
        ends: list[_End] | None = [] if len(chunks) > 1 else None
        for chunk in chunks:
            if chunk is not chunks[0] and deadline.is_over():
                self._release(chunk)
            else:
                self._walk(chunk, fields, deadline, ends)
        if ends:
            self._end(ends)

    def _walk(self, chunk: Chunk, fields: Fields, deadline: Limit, ends: list[_End] | None) -> None:
        entity = entity_of(chunk.entity)
        if entity.walk is None:
            raise LookupError(f"{entity.name} has no walk")
        course = WalkGuard(chunk, chunk.expected)
        try:
            if chunk.attempts > retry.MOST_ATTEMPTS:
                retry.give_up(self, chunk, entity.walk, "its workers died each time they read it")
            else:
                self._pages(entity, entity.walk, course, fields, deadline, ends)
        except LeaseLost:
            log.warning("lease lost", chunk=str(chunk.id), entity=chunk.entity)
        except JiraFailure as failure:
            retry.settle(self, course.chunk, entity.walk, failure)

    def _release(self, chunk: Chunk) -> None:
        with self.store.bound_to(self.tenant_id) as session:
            checkpoints.release(session, chunk)

    def _pages(
        self, entity: Entity, walk: Walk, course: WalkGuard, fields: Fields, deadline: Limit, ends: list[_End] | None
    ) -> None:
        is_counted, chunk = walk.paging is Paging.TOKEN, course.chunk
        if is_counted and course.expected is None:
            course.expected = count(self.site, jql_of(chunk.scope_id, chunk.lower, chunk.upper))
            if course.expected is not None and course.expected > LARGEST and self.halve(chunk):
                return
        place: pages.Place | None = pages.Place(chunk.page_token, chunk.page_offset)
        while place is not None:
            size = self._size(course) if is_counted else None
            with self.page_sizer.take_turn(size):
                if deadline.is_over():
                    self._release(chunk)
                    return
                place = self._page(entity, walk, course, fields, place, size, ends)

    def _size(self, course: WalkGuard) -> int:
        """How many issues the next page is to have."""
        left = course.expected - course.chunk.seen if course.expected is not None else None
        return self.page_sizer.size_for(self.tenant_id, course.chunk.scope_id, left)

    def _page(  # noqa: PLR0913, PLR0917 - one step of the walk; its objects are gone when it returns, before the next page comes
        self,
        entity: Entity,
        walk: Walk,
        course: WalkGuard,
        fields: Fields,
        place: pages.Place,
        size: int | None,
        ends: list[_End] | None,
    ) -> pages.Place | None:
        """Fetch the page at a place and store it. Returns the next place; None where the walk has ended."""
        is_counted, chunk = walk.paging is Paging.TOKEN, course.chunk
        page = self._fetch(walk, chunk, place, size)
        course.check(page)
        if not is_counted:
            course.expected = page.total
        if page.next is None and is_counted and self._is_short(course, len(page.items)):
            return None
        parsed = parse_page(entity, page.drained(), fields, chunk.scope_id or None)
        if page.next is None and walk.each is Each.ISSUE:
            parsed.listed = _listed(parsed, chunk, place)
            if ends is not None:
                ends.append((course, parsed, page))
                return None
        self._store(course, parsed, page)
        return page.next

    def _fetch(self, walk: Walk, chunk: Chunk, place: pages.Place, size: int | None) -> pages.Page:
        if walk.paging is Paging.MATCH:
            return memberships.fetch(self.store, self.site, self.tenant_id, chunk, place)
        path, params = _path(walk, chunk), _params(walk, chunk)
        page = pages.fetch(self.site, walk, place, path=path, params=params, size=size)
        if size is not None:
            self.page_sizer.weigh(self.tenant_id, chunk.scope_id, issues=len(page.items), octets=page.size)
        return page

    def _store(self, course: WalkGuard, parsed: ParsedPage, page: pages.Page) -> None:
        """One transaction: the page's rows, what they bring, and the checkpoint behind them."""
        try:
            retry_while_unavailable(lambda: self._commit(course, parsed, page))
        except StoreFault:
            sifted = retry_while_unavailable(
                lambda: quarantine(self.store, self.tenant_id, parsed, read_at=page.sent_at)
            )
            retry_while_unavailable(lambda: self._commit(course, sifted, page))

    def _end(self, ends: Sequence[_End]) -> None:
        """One transaction for the ends of several short walks; where it fails, one for each."""
        together = ParsedPage(ends[0][1].entity)
        for _, parsed, _ in ends:
            together.add(parsed)
        try:
            retry_while_unavailable(lambda: self._commit_all(ends, together))
        except (StoreFault, LeaseLost):
            for each in ends:
                with suppress(LeaseLost):
                    self._store(*each)
            return
        self.threads.notify()
        for course, parsed, page in ends:
            self._log(course.chunk, page, len(parsed.rows))

    def _commit_all(self, ends: Sequence[_End], together: ParsedPage) -> None:
        with self.store.bound_to(self.tenant_id) as session:
            write_page(session, together, read_at=min(page.sent_at for *_, page in ends))
            ended = [(each.chunk, len(page.items), each.expected) for each, _, page in ends]
            checkpoints.finish_all(session, [(*end, _shortfall(end[0], end[2])) for end in ended])
            self._mark(session)

    def _mark(self, session: Session) -> None:
        if not ledger.mark_ingested(session):
            raise LeaseLost("the integration was paused, disconnected or deleted meanwhile")

    def _log(self, chunk: Chunk, page: pages.Page, changed: int) -> None:
        log.info(
            "page",
            tenant_id=str(self.tenant_id),
            entity=chunk.entity,
            scope=chunk.scope_id,
            items=len(page.items),
            changed=changed,
        )

    def _commit(self, course: WalkGuard, parsed: ParsedPage, page: pages.Page) -> None:
        chunk, seen, expected = course.chunk, len(page.items), course.expected
        moved = chunk
        with self.store.bound_to(self.tenant_id) as session:
            stored = write_page(session, parsed, read_at=page.sent_at)
            if isinstance(page, memberships.Matched):
                memberships.bury_unmatched(session, page, parsed, at=page.sent_at)
            if page.next is not None:
                token, offset = page.next.token, page.next.offset
                moved = checkpoints.advance(session, chunk, token=token, offset=offset, seen=seen, expected=expected)
            else:
                problem = _shortfall(chunk, expected)
                checkpoints.finish(session, chunk, seen=seen, expected=expected, problem=problem)
                if chunk.entity == "issue":
                    follow_ups = plan.for_stored(chunk.scope_id, chunk.lower, chunk.upper)
                    checkpoints.plan(session, follow_ups, again=True)
            self._mark(session)
        course.chunk = moved
        if stored.planned or page.next is None:
            self.threads.notify()
        self._log(chunk, page, stored.changed)

    def _is_short(self, course: WalkGuard, length: int) -> bool:
        """Whether the walk ended before Jira's own count, counted again now; if so it is put to be walked again."""
        chunk = course.chunk
        seen = chunk.seen + length
        if course.expected is None or seen >= course.expected or chunk.attempts >= _MOST_SHORT:
            return False
        now = count(self.site, jql_of(chunk.scope_id, chunk.lower, chunk.upper))
        if now is None or seen >= now:
            return False
        log.warning("walk came up short", entity=chunk.entity, scope=chunk.scope_id, seen=seen, expected=now)
        if now <= pages.FULL or not self.halve(chunk):
            problem = f"Jira counts {now} issues and sent {seen}; walked again"
            with self.store.bound_to(self.tenant_id) as session:
                checkpoints.restart(session, chunk, until=retry.back_off(chunk.attempts), problem=problem)
        self.threads.notify()
        return True

    def halve(self, chunk: Chunk) -> bool:
        """Split a chunk of issues at the middle of its time. Returns False where there is no middle."""
        lower = chunk.lower or self._first_created(chunk)
        upper = int(clock.now().timestamp() * 1000) if chunk.upper == OPEN_END else chunk.upper
        middle = (lower + upper) // 2 // _MINUTE_MS * _MINUTE_MS
        if not lower or not lower < middle < upper:
            return False
        with self.store.bound_to(self.tenant_id) as session:
            checkpoints.split(session, chunk, middle)
        self.threads.notify()
        return True

    def _first_created(self, chunk: Chunk) -> int:
        """When the oldest issue of a chunk was created, epoch ms; 0 where there is none."""
        jql = f"{jql_of(chunk.scope_id, chunk.lower, chunk.upper)} ORDER BY created ASC"
        found = self.site.get("/rest/api/3/search/jql", {"jql": jql, "fields": "created", "maxResults": 1}).body
        issues = find(found, "issues")
        created = find(issues[0], "fields.created") if isinstance(issues, list) and issues else None
        return int(to_moment(created).timestamp() * 1000) if created else 0


def _listed(parsed: ParsedPage, chunk: Chunk, place: pages.Place) -> dict[Entity, list[str]]:
    """Whose whole list a last page is: histories stay for ever; what else is no longer on the list was deleted."""
    is_whole = not place.offset and not parsed.poison and parsed.entity.name != "changelog"
    return {parsed.entity: [chunk.scope_id]} if is_whole else {}


def _shortfall(chunk: Chunk, expected: int | None) -> str | None:
    """What is said of a walk that stayed short after all tries."""
    return (
        f"Jira counts {expected} issues and keeps sending fewer" if expected and chunk.attempts >= _MOST_SHORT else None
    )


def _path(walk: Walk, chunk: Chunk) -> str:
    return walk.path.format(**dict.fromkeys(("project_id", "board_id", "issue_id"), chunk.scope_id))


def _params(walk: Walk, chunk: Chunk) -> dict[str, str | int | Sequence[str | int]]:
    if walk.paging is not Paging.TOKEN:
        return {}
    # `created` never changes, so an issue that is edited during the walk does not jump over the reader.
    order = "ORDER BY created ASC, key ASC"
    return {"jql": f"{jql_of(chunk.scope_id, chunk.lower, chunk.upper)} {order}", **_ISSUE_PARAMS}
