"""The poll: all changes since the last one, with or without webhooks.

    updated >= <cursor less the overlap, epoch ms> ORDER BY created ASC, key ASC

The bound is a number, so no user's time zone touches it. There is no upper bound: an issue that is edited every few
seconds would lie beyond each. The order is by `created`, which never changes, so nothing jumps over the reader; a change
behind the reader has `updated` after the walk's start and falls into the next poll. The cursor therefore becomes the
site's own time at the walk's start, and only once the walk has ended cleanly. Where the site's clock has stepped back
since the last poll, the walk begins anew from as much earlier (`site_clock`).

The poll asks for ids and `updated` only. A different issue is read again by its id (`inbox.ask`), in the same transaction
in which the walk moves on. An older `updated` differs as well: a site that was restored from a backup steps back.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from app import clock, logs
from app.catalog.registry import entity
from app.conditions import Code, Condition
from app.errors import TokenExpired
from app.ingest.drift import stored_issues
from app.ingest.planning import inbox, site_clock
from app.ingest.writing import absences, memberships
from app.integrations import ledger
from app.integrations.model import State
from app.store import cursors
from app.store.tables import is_live, table_of

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Row

    from app.catalog.selection import Selection
    from app.sources import Source
    from app.sources.answers import IdPage
    from app.store.cursors import Cursor
    from app.store.session import Session, Store

log = logs.get(__name__)

OVERLAP = timedelta(minutes=5)
"""Overlap of two polls: an index lags, clocks differ, JQL may round to minutes."""
BEFORE_BACKFILL = timedelta(hours=1)
"""Distance of the first poll's bound from the first backfill's start."""
CURSOR = "issues"


def poll_issues(store: Store, source: Source, tenant_id: UUID) -> Condition | None:
    """Walk the changes. Returns a summary, None where the poll isn't due here; raises a JiraFailure."""
    with store.bound_to(tenant_id) as session:
        integration = ledger.of_tenant(session)
        if integration is None or not integration.is_served:
            return None
        cursor = cursors.take(session, CURSOR)
        if cursor is None:
            return None
        if not cursor.reached and (integration.state is State.BACKFILLING or integration.started_at is None):
            # All is read at the moment; whatever changes meanwhile is found by the first poll after it.
            cursors.give_back(session, cursor)
            return None
        since = cursor.reached or first_bound(session, integration.started_at or clock.now())
    try:
        return _walk(store, source, tenant_id, cursor, since - _ms_of(OVERLAP))
    finally:
        with store.bound_to(tenant_id) as session:
            cursors.give_back(session, cursor)


def first_bound(session: Session, started_at: datetime) -> int:
    """The bound of a first walk by the site's clock, epoch ms, for a backfill that started at a moment of ours."""
    return _ms(started_at + (site_clock.skew(session) or timedelta()) - BEFORE_BACKFILL)


def _walk(
    store: Store,
    source: Source,
    tenant_id: UUID,
    cursor: Cursor,
    lower: int,
    *,
    is_measured: bool = False,
) -> Condition:
    """Compare every page. A clock that stepped back moves the bound once: `is_measured` then."""
    seen_count, stale_count, start = 0, 0, cursor.began
    token = cursor.page_token if start is not None else None
    recent_ids: dict[str, None] = {}
    try:
        for page in source.changed_since(lower, token, selection=_selection(store, tenant_id)):
            if start is None:
                start = _ms(page.site_time or page.sent_at)
                with store.bound_to(tenant_id) as session:
                    step_back = site_clock.measure(session, site_time=page.site_time, sent_at=page.sent_at)
                if step_back and not is_measured:
                    bound = lower - _ms_of(step_back)
                    return _walk(store, source, tenant_id, cursor, bound, is_measured=True)
            seen_count += len(page.issues)
            recent_ids |= dict.fromkeys(page.issues.keys() - page.outside_ids)
            if page.token is None or len(recent_ids) >= memberships.ISSUES:
                # What was held against the boards' filters when it was read was held against an index that lags.
                memberships.follow(store, source, tenant_id, recent_ids)
                recent_ids.clear()
            with store.bound_to(tenant_id) as session:
                stale_count += keep_page(session, page, origin=inbox.POLL)
                if page.token is None:
                    _finish(session, cursor, start)
                else:
                    cursors.move(session, cursor, page_token=page.token, began=start)
    except TokenExpired:
        with store.bound_to(tenant_id) as session:
            cursors.move(session, cursor, page_token=None, began=None)
        raise
    log.info("poll", tenant_id=str(tenant_id), looked=seen_count, differing=stale_count)
    return Condition(Code.POLLED, issues=seen_count, differing=stale_count)


def _selection(store: Store, tenant_id: UUID) -> Selection:
    with store.bound_to(tenant_id) as session:
        return stored_issues.policy_of(session).selection


def _finish(session: Session, cursor: Cursor, start: int) -> None:
    """Move the cursor to the start of a walk that ended cleanly."""
    cursors.move(session, cursor, reached=start, page_token=None, began=None, ended_at=clock.now())
    ledger.mark_polled(session)


def keep_page(session: Session, page: IdPage, *, origin: str) -> int:
    """Have the different issues of a page read again. Returns their number."""
    stale_ids = differing(session, page)
    absences.seen_again(session, sorted(page.issues.keys() - set(stale_ids)))
    return inbox.ask(session, stale_ids, origin=origin)


def differing(session: Session, page: IdPage) -> list[str]:
    """Issues of a page that are missing here, stored as gone, or stored with another `updated`.

    An older `updated` of the page counts unless the stored row was read after the page. Of the issues outside the
    selection, the stored ones are meant: their read decides.
    """
    table = table_of(entity("issue"))
    query = select(table.c.id, table.c.updated, table.c.read_at).where(
        table.c.id.in_(list(page.issues)), is_live(entity("issue"))
    )
    stored_rows = {row.id: row for row in session.execute(query)}
    return [
        issue_id
        for issue_id, last_change in page.issues.items()
        if _is_stale(stored_rows.get(issue_id), last_change, page, is_outside=issue_id in page.outside_ids)
    ]


def _is_stale(row: Row[Any] | None, last_change: datetime | None, page: IdPage, *, is_outside: bool) -> bool:
    if is_outside:
        return row is not None
    return row is None or _differs(row, last_change, page.sent_at)


def _differs(row: Row[Any], last_change: datetime | None, sent_at: datetime) -> bool:
    if last_change is None or row.updated == last_change:
        return False
    return row.updated is None or row.updated < last_change or row.read_at < sent_at


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _ms_of(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)
