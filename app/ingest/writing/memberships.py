"""Which boards hold which issues: Jira is asked with the boards' own filters, a thousand issues a question.

`/board/{id}/issue` would cost a point for every issue of every board; `/jql/match` answers with ids, for many boards at
once. A kanban board's sub-query is left out: it hides what is done, and whoever reports on a board needs that too.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from app import clock, logs
from app.catalog.extract import to_moment
from app.catalog.json_value import Json, find
from app.catalog.language import Fields
from app.catalog.registry import entity
from app.errors import JiraNonsense
from app.ingest.writing.page import parse_page, write_page
from app.integrations import ledger
from app.jira.client import whole
from app.jira.pages import Page, Place
from app.store import records
from app.store.schema import OPEN_END
from app.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from msgspec import Raw

    from app.ingest.writing.page import ParsedPage
    from app.jira.client import Site
    from app.store.checkpoints import Chunk
    from app.store.session import Session, Store

log = logs.get(__name__)

ISSUES, BOARDS = 1000, 50
"""Issues and boards of one question; Jira names no limit for either."""


@dataclass(frozen=True)
class Matched(Page):
    """A page of memberships, and what was asked: whatever of it did not match is none."""

    issue_ids: Sequence[str] = ()
    board_ids: Sequence[str] = ()


def fetch(store: Store, site: Site, tenant_id: UUID, chunk: Chunk, place: Place) -> Matched:
    """The next thousand stored issues of a chunk against all boards. Raises a JiraFailure."""
    with store.bound_to(tenant_id) as session:
        issue_ids, boards = _stored(session, chunk, place.token or ""), filters(session)
    upcoming = Place(token=issue_ids[-1]) if len(issue_ids) == ISSUES else None
    if not issue_ids or not boards:
        return Matched([], None, None, clock.now())
    return match(site, boards, issue_ids, upcoming)


def match(site: Site, boards: Mapping[str, str], issue_ids: Sequence[str], upcoming: Place | None = None) -> Matched:
    """Which of the boards (filter ids by board id) hold which of the issues. Raises a JiraFailure."""
    sent_at, answered = clock.now(), list[str]()
    items: list[Json | Raw] = []
    every = list(boards)
    for start in range(0, len(every), BOARDS):
        asked = every[start : start + BOARDS]
        body: dict[str, Json] = {
            "jqls": [f"filter = {boards[each]}" for each in asked],
            "issueIds": [int(each) for each in issue_ids if each.isdecimal()],
        }
        found = find(site.post("/rest/api/3/jql/match", body).body, "matches")
        if not isinstance(found, list) or len(found) != len(asked):
            raise JiraNonsense("Jira answered other filters than it was asked about.")
        for board_id, each in zip(asked, found, strict=True):
            matched = find(each, "matchedIssues")
            if find(each, "errors") or not isinstance(matched, list):
                log.warning("board's filter not readable", board=board_id)
                continue
            answered.append(board_id)
            items += [{"boardId": board_id, "issueId": str(issue_id)} for issue_id in matched]
    return Matched(items, upcoming, None, sent_at, issue_ids, answered)


def follow(store: Store, site: Site, tenant_id: UUID, issue_ids: Collection[str]) -> None:
    """Have stored issues on the boards whose filters hold them now, as far as Jira's index has come. Raises a JiraFailure."""
    with store.bound_to(tenant_id) as session:
        wanted, known = live(session, issue_ids), filters(session)
    if not known:
        return
    for start in range(0, len(wanted), ISSUES):
        matched = match(site, known, wanted[start : start + ISSUES])
        with suppress(_UnwantedError), store.bound_to(tenant_id) as session:
            _keep(session, matched)
            if not ledger.mark_ingested(session):
                raise _UnwantedError


class _UnwantedError(Exception):
    """The integration was paused, disconnected or deleted meanwhile: nothing is written."""


def _keep(session: Session, matched: Matched) -> None:
    records.lock_for_writing(session)
    # An index that lags holds what was buried meanwhile.
    kept = set(live(session, matched.issue_ids))
    items = [each for each in matched.items if find(whole(each), "issueId") in kept]
    parsed = parse_page(entity("board_issue"), items, Fields(), None)
    write_page(session, parsed, read_at=matched.sent_at)
    bury_unmatched(session, matched, parsed, at=matched.sent_at)


def live(session: Session, issue_ids: Collection[str]) -> list[str]:
    """Those of the issues that are stored and live."""
    table = table_of(entity("issue"))
    query = select(table.c.id).where(table.c.id.in_(issue_ids), table.c.deleted_at.is_(None))
    return list(session.execute(query.order_by(table.c.id)).scalars())


def filters(session: Session) -> dict[str, str]:
    """The filter's id of every board that has one, by board id."""
    table = table_of(entity("board_configuration"))
    known = select(table.c.board_id, table.c.filter_id).where(
        table.c.deleted_at.is_(None), table.c.filter_id.regexp_match(r"^\d+$")
    )
    return {row.board_id: row.filter_id for row in session.execute(known.order_by(table.c.board_id))}


def bury_unmatched(session: Session, page: Matched, parsed: ParsedPage, *, at: datetime) -> int:
    """Put tombstones on memberships that were asked about and are no more. Returns how many."""
    kept = [row.id for row in parsed.rows]
    return records.bury_rest(
        session, entity("board_issue"), {"issue_id": page.issue_ids, "board_id": page.board_ids}, kept, at=at
    )


def _stored(session: Session, chunk: Chunk, after: str) -> Sequence[str]:
    """Ids of a chunk's issues as they are stored, a question's worth beyond the given one."""
    table = table_of(entity("issue"))
    found = select(table.c.id).where(
        table.c.project_id == chunk.scope_id, table.c.deleted_at.is_(None), table.c.id > after
    )
    if chunk.lower:
        found = found.where(table.c.created >= to_moment(chunk.lower))
    if chunk.upper != OPEN_END:
        found = found.where(table.c.created < to_moment(chunk.upper))
    return session.execute(found.order_by(table.c.id).limit(ISSUES)).scalars().all()
