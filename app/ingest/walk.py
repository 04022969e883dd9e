"""One chunk, walked to its end: fetch a page, store it with the checkpoint behind it, again.

Token walks of Jira have ended early, gone in circles and sent empty pages (jira-api.md §1.1). So a walk of issues is
held against Jira's own count: a chunk that is too large is halved before it starts, one that came up short is counted
again, halved and walked again; what stays short is said, never swallowed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from app import clock, logs
from app.catalog.extract import to_moment
from app.catalog.language import Each, Fields, Paging, find
from app.errors import (
    JiraBusy,
    JiraDown,
    JiraFailure,
    JiraGone,
    JiraNonsense,
    JiraRefused,
    JiraRejected,
    TokenExpired,
)
from app.ingest import boards, plan
from app.ingest.storing import extract_page, store_page
from app.integrations import ledger
from app.integrations.model import State
from app.jira import pages
from app.store import checkpoints
from app.store.checkpoints import LeaseLost
from app.store.schema import OPEN_END

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from app.catalog.language import Entity, Walk
    from app.ingest.crew import Crew
    from app.jira.client import Site
    from app.store.checkpoints import Chunk
    from app.store.session import Session, Store

log = logs.get(__name__)

LARGEST = 1000
"""Issues a chunk may have before it is halved: ten pages, so that a site of any size keeps a crew busy."""
_MOST_ATTEMPTS = 8
_MOST_SHORT = 3
"""How often a walk that came up short is walked again."""
_MOST_EMPTY = 3
_PROBE = timedelta(hours=1)
"""How often a broken credential is tried again."""
_MINUTE_MS = 60_000
"""Halves meet at whole minutes: JQL may compare no finer."""
_ISSUE_PARAMS: dict[str, str | int | Sequence[str | int]] = {"fields": "*all", "expand": "changelog"}


@dataclass
class _Guard:
    """Notices a walk that goes in circles or never ends."""

    expected: int | None
    items: int = 0
    empty: int = 0
    tokens: set[str] = field(default_factory=set)

    def check(self, page: pages.Page) -> None:
        """Raises JiraNonsense."""
        self.items += len(page.items)
        self.empty = 0 if page.items else self.empty + 1
        token = page.next.token if page.next else None
        if token is not None and token in self.tokens:
            raise JiraNonsense("Jira repeated a page token.")
        if token is not None:
            self.tokens.add(token)
        if page.next is not None and self.empty > _MOST_EMPTY:
            raise JiraNonsense("Jira keeps sending empty pages.")
        if self.expected is not None and self.items > 2 * self.expected + LARGEST:
            raise JiraNonsense("Jira sends more than twice what it counted.")


@dataclass(frozen=True)
class Walker:
    """Walks chunks of one tenant."""

    store: Store
    site: Site
    tenant_id: UUID
    crew: Crew

    def walk(self, entity: Entity, chunk: Chunk, fields: Fields, until: datetime) -> None:
        """Walk a chunk to its end, the end of the time, or a failure, which is settled here."""
        if entity.walk is None:
            raise LookupError(f"{entity.name} has no walk")
        try:
            self._pages(entity, entity.walk, chunk, fields, until)
        except LeaseLost:
            log.warning("lease lost", chunk=str(chunk.id), entity=chunk.entity)
        except JiraFailure as failure:
            self._settle(chunk, entity.walk, failure)

    def _pages(self, entity: Entity, walk: Walk, chunk: Chunk, fields: Fields, until: datetime) -> None:
        is_counted, expected = walk.paging is Paging.TOKEN, chunk.expected
        if is_counted and expected is None:
            expected = count(self.site, jql_of(chunk.scope_id, chunk.lower, chunk.upper))
            if expected is not None and expected > LARGEST and self._halve(chunk):
                return
        place, guard = pages.Place(chunk.page_token, chunk.page_offset), _Guard(expected)
        while True:
            page = self._fetch(walk, chunk, place)
            guard.check(page)
            expected = expected if is_counted else page.total
            if page.next is None and is_counted and self._is_short(chunk, chunk.seen + guard.items, expected):
                return
            self._store(entity, chunk, fields, page, expected)
            if page.next is None:
                return
            place = page.next
            if clock.now() >= until:
                with self.store.bound_to(self.tenant_id) as session:
                    checkpoints.release(session, chunk)
                return

    def _fetch(self, walk: Walk, chunk: Chunk, place: pages.Place) -> pages.Page:
        if walk.paging is Paging.MATCH:
            return boards.fetch(self.store, self.site, self.tenant_id, chunk, place)
        return pages.fetch(self.site, walk, place, path=_path(walk, chunk), params=_params(walk, chunk))

    def _store(self, entity: Entity, chunk: Chunk, fields: Fields, page: pages.Page, expected: int | None) -> None:
        """One transaction: the page's rows, what they bring, and the checkpoint behind them."""
        haul = extract_page(entity, page.items, fields, chunk.scope_id or None)
        with self.store.bound_to(self.tenant_id) as session:
            stored = store_page(session, self.tenant_id, haul, read_at=page.sent_at)
            if isinstance(page, boards.Matched):
                boards.bury_unmatched(session, self.tenant_id, page, at=page.sent_at)
            upcoming = page.next or pages.Place()
            checkpoints.advance(
                session, chunk, token=upcoming.token, offset=upcoming.offset, seen=len(page.items), expected=expected
            )
            if page.next is None:
                checkpoints.finish(session, chunk, problem=_shortfall(chunk, expected) if chunk.attempts else None)
                if entity.name == "issue":
                    follow_ups = plan.for_stored(chunk.scope_id, chunk.lower, chunk.upper)
                    checkpoints.plan(session, self.tenant_id, follow_ups, again=True)
            if not ledger.mark_ingested(session, self.tenant_id):
                raise LeaseLost("the integration was paused, disconnected or deleted meanwhile")
        if stored.planned or page.next is None:
            self.crew.stir()
        log.info(
            "page",
            tenant_id=str(self.tenant_id),
            entity=chunk.entity,
            scope=chunk.scope_id,
            items=len(page.items),
            changed=stored.changed,
        )

    def _is_short(self, chunk: Chunk, seen: int, expected: int | None) -> bool:
        """Whether the walk ended before Jira's own count, counted again now; if so it is put to be walked again."""
        if expected is None or seen >= expected or chunk.attempts >= _MOST_SHORT:
            return False
        now = count(self.site, jql_of(chunk.scope_id, chunk.lower, chunk.upper))
        if now is None or seen >= now:
            return False
        log.warning("walk came up short", entity=chunk.entity, scope=chunk.scope_id, seen=seen, expected=now)
        if now <= pages.FULL or not self._halve(chunk):
            with self.store.bound_to(self.tenant_id) as session:
                checkpoints.restart(session, chunk, problem=f"Jira counts {now} issues and sent {seen}; walked again")
        self.crew.stir()
        return True

    def _halve(self, chunk: Chunk) -> bool:
        """Split a chunk of issues at the middle of its time. Returns False where there is no middle."""
        lower = chunk.lower or self._first_created(chunk)
        upper = int(clock.now().timestamp() * 1000) if chunk.upper == OPEN_END else chunk.upper
        middle = (lower + upper) // 2 // _MINUTE_MS * _MINUTE_MS
        if not lower or not lower < middle < upper:
            return False
        with self.store.bound_to(self.tenant_id) as session:
            checkpoints.split(session, self.tenant_id, chunk, middle)
        self.crew.stir()
        return True

    def _first_created(self, chunk: Chunk) -> int:
        """When the oldest issue of a chunk was created, epoch ms; 0 where there is none."""
        jql = f"{jql_of(chunk.scope_id, chunk.lower, chunk.upper)} ORDER BY created ASC"
        found = self.site.get("/rest/api/3/search/jql", {"jql": jql, "fields": "created", "maxResults": 1}).body
        issues = find(found, "issues")
        created = find(issues[0], "fields.created") if isinstance(issues, list) and issues else None
        return int(to_moment(created).timestamp() * 1000) if created else 0

    def _settle(self, chunk: Chunk, walk: Walk, failure: JiraFailure) -> None:
        """What becomes of a chunk whose walk met a failure."""
        problem = f"{failure.word}: {failure}"
        log.warning("walk stopped", entity=chunk.entity, scope=chunk.scope_id, problem=problem)
        try:
            with self.store.bound_to(self.tenant_id) as session:
                self._decide(session, chunk, walk, failure, problem)
        except LeaseLost:
            log.warning("lease lost", chunk=str(chunk.id), entity=chunk.entity)

    def _decide(self, session: Session, chunk: Chunk, walk: Walk, failure: JiraFailure, problem: str) -> None:
        if isinstance(failure, JiraBusy):
            checkpoints.postpone(session, chunk, until=failure.retry_at, problem=problem, counts=False)
        elif isinstance(failure, JiraGone) and walk.each is not Each.SITE:
            # The project, board or issue vanished meanwhile: nothing left to walk.
            checkpoints.finish(session, chunk)
        elif isinstance(failure, JiraRefused):
            checkpoints.postpone(session, chunk, until=clock.now() + _PROBE, problem=problem, counts=False)
            tell(session, self.tenant_id, f"Jira refuses us: {failure}")
        elif isinstance(failure, JiraRejected | JiraGone) or chunk.attempts >= _MOST_ATTEMPTS:
            checkpoints.fail(session, chunk, problem=problem)
        elif isinstance(failure, TokenExpired | JiraNonsense):
            checkpoints.restart(session, chunk, problem=problem)
        elif isinstance(failure, JiraDown):
            checkpoints.postpone(session, chunk, until=_back_off(chunk.attempts), problem=problem, counts=True)
        else:
            checkpoints.fail(session, chunk, problem=problem)


def tell(session: Session, tenant_id: UUID, reason: str) -> None:
    """Say in the integration's state that somebody must act."""
    integration = ledger.of_tenant(session, tenant_id)
    if integration is not None and integration.state.is_working:
        ledger.move_to(session, integration.id, State.NEEDS_ATTENTION, reason=reason)


def count(site: Site, jql: str) -> int | None:
    """How many issues Jira says match; None where it will not say."""
    try:
        found = find(site.post("/rest/api/3/search/approximate-count", {"jql": jql}).body, "count")
    except JiraRejected:
        return None
    return found if isinstance(found, int) else None


def jql_of(project_id: str, lower: int = 0, upper: int = OPEN_END) -> str:
    """The issues of a project, created in a range of epoch ms: a literal that no user's time zone touches."""
    parts = [f"project = {project_id}"]
    if lower:
        parts.append(f"created >= {lower}")
    if upper != OPEN_END:
        parts.append(f"created < {upper}")
    return " AND ".join(parts)


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


def _back_off(attempts: int) -> datetime:
    """2, 4, 8, … seconds, at most five minutes, with jitter."""
    wait = min(2.0 ** (attempts + 1), 300.0) * random.uniform(0.7, 1.3)  # noqa: S311 - spreads retries, protects nothing
    return clock.now() + timedelta(seconds=wait)
