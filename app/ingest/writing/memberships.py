"""Board memberships, by matching stored issues against the boards' own filters, a thousand issues a question.

A kanban board's sub-query is left out: it hides finished issues, which reports on the board need.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import literal, select

from app import clock, logs
from app.catalog.conversion import to_moment
from app.catalog.field_policy import FieldPolicy
from app.catalog.json_value import find
from app.catalog.language import OPEN_END
from app.catalog.registry import entity
from app.ingest.writing import unreadable
from app.ingest.writing.page import parse_page, write_page
from app.ingest.writing.unreadable import Part
from app.integrations import ledger
from app.jira.client import whole
from app.sources import Page, Place, persist
from app.sources.answers import Matches
from app.store import records
from app.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from app.ingest.writing.page import ParsedPage
    from app.sources import Finding, Source
    from app.store.checkpoints import Chunk
    from app.store.session import Session, Store

log = logs.get(__name__)

ISSUES = 1000
"""Issues of one question; Jira names no limit."""


@dataclass(frozen=True)
class MembershipPage(Page):
    """A page of memberships with its question: a pair of an issue and a board that is missing is no membership."""

    issue_ids: Sequence[str] = ()
    board_ids: Sequence[str] = ()
    unreadable: Mapping[str, Finding] = field(default_factory=dict)
    """Findings about boards with a filter that wasn't evaluated."""


def fetch(store: Store, source: Source, tenant_id: UUID, chunk: Chunk, place: Place) -> MembershipPage | Finding:
    """The next thousand stored issues of a chunk against all boards. Raises a JiraFailure."""
    with store.bound_to(tenant_id) as session:
        issue_ids, board_filters = _stored(session, chunk, place.token or ""), filters(session)
    next_place = Place(token=issue_ids[-1]) if len(issue_ids) == ISSUES else None
    if not issue_ids or not board_filters:
        return MembershipPage([], None, None, clock.now())
    matches = source.memberships(board_filters, issue_ids)
    return _page(matches, next_place) if isinstance(matches, Matches) else matches


def _page(matches: Matches, next_place: Place | None = None) -> MembershipPage:
    return MembershipPage(
        matches.items, next_place, None, matches.sent_at, matches.issue_ids, matches.board_ids, matches.unreadable
    )


def follow(store: Store, source: Source, tenant_id: UUID, issue_ids: Collection[str]) -> None:
    """Update the memberships of stored issues, as far as Jira's index has come. Raises a JiraFailure.

    Where the question itself can't be answered, memberships are set aside.
    """
    finding = persist(lambda: _follow(store, source, tenant_id, issue_ids), source.diagnose)
    if finding is not None:
        log.warning("boards not asked", tenant_id=str(tenant_id), problem=str(finding.failure))
        with store.bound_to(tenant_id) as session:
            unreadable.set_aside(session, Part("board_issue", ""), finding)


def _follow(store: Store, source: Source, tenant_id: UUID, issue_ids: Collection[str]) -> Finding | None:
    with store.bound_to(tenant_id) as session:
        live_ids, board_filters = live(session, issue_ids), filters(session)
    if not board_filters:
        return None
    for start in range(0, len(live_ids), ISSUES):
        matches = source.memberships(board_filters, live_ids[start : start + ISSUES])
        if not isinstance(matches, Matches):
            return matches
        with suppress(_UnwantedError), store.bound_to(tenant_id) as session:
            _keep(session, _page(matches))
            if not ledger.mark_ingested(session):
                raise _UnwantedError
    return None


class _UnwantedError(Exception):
    """The integration was paused, disconnected or deleted meanwhile: nothing is written."""


def _keep(session: Session, page: MembershipPage) -> None:
    records.lock_for_writing(session)
    # An index that lags holds what was buried meanwhile.
    live_ids = set(live(session, page.issue_ids))
    items = [item for item in page.items if find(whole(item), "issueId") in live_ids]
    parsed_page = parse_page(entity("board_issue"), items, FieldPolicy(), None)
    write_page(session, parsed_page, read_at=page.sent_at)
    bury_unmatched(session, page, parsed_page, at=page.sent_at)


def live(session: Session, issue_ids: Collection[str]) -> list[str]:
    """The stored, live ones of the issues."""
    table = table_of(entity("issue"))
    query = select(table.c.id).where(table.c.id.in_(issue_ids), table.c.deleted_at.is_(None))
    return list(session.execute(query.order_by(table.c.id)).scalars())


def filters(session: Session) -> dict[str, str]:
    """Filter ids by board id, of the boards with a filter; unreadable ones when their next try is due."""
    table = table_of(entity("board_configuration"))
    query = select(table.c.board_id, table.c.filter_id).where(
        table.c.deleted_at.is_(None),
        table.c.filter_id.regexp_match(r"^\d+$"),
        ~unreadable.is_resting(literal("board_issue"), table.c.board_id),
    )
    return {row.board_id: row.filter_id for row in session.execute(query.order_by(table.c.board_id))}


def bury_unmatched(session: Session, page: MembershipPage, parsed_page: ParsedPage, *, at: datetime) -> int:
    """Put tombstones on memberships that the question covered and the answer lacks. Returns their number.

    A board with a filter that wasn't evaluated is set aside, and keeps its memberships.
    """
    for board_id, finding in page.unreadable.items():
        unreadable.set_aside(session, Part("board_issue", board_id), finding)
    unreadable.clear(session, "board_issue", ["", *page.board_ids])
    live_ids = [row.id for row in parsed_page.rows]
    return records.bury_rest(
        session, entity("board_issue"), {"issue_id": page.issue_ids, "board_id": page.board_ids}, live_ids, at=at
    )


def _stored(session: Session, chunk: Chunk, after: str) -> Sequence[str]:
    """Ids of a chunk's stored issues after the given one, as many as one question takes."""
    table = table_of(entity("issue"))
    query = select(table.c.id).where(
        table.c.project_id == chunk.scope_id, table.c.deleted_at.is_(None), table.c.id > after
    )
    if chunk.lower:
        query = query.where(table.c.created >= to_moment(chunk.lower))
    if chunk.upper != OPEN_END:
        query = query.where(table.c.created < to_moment(chunk.upper))
    return session.execute(query.order_by(table.c.id).limit(ISSUES)).scalars().all()
