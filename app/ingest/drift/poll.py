"""The poll: what changed since the last one, whatever webhooks said.

    updated >= <cursor less the overlap, epoch ms> ORDER BY created ASC, key ASC

The bound is a number, so no user's time zone touches it. There is no upper bound: an issue that is edited every few
seconds would lie beyond each. It is ordered by `created`, which never changes, so nothing jumps over the reader; what
comes in behind him has `updated` after the walk's start and falls into the next poll. So the cursor becomes the site's
own time at the walk's start, and only once the walk has ended cleanly.

Only ids and `updated` are asked for. What differs is read again by its id (`inbox.ask`), in the same transaction in which
the walk moves on.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from app import clock, logs
from app.errors import TokenExpired
from app.ingest.planning import inbox
from app.ingest.writing import absences, memberships
from app.integrations import ledger
from app.integrations.model import State
from app.sources import id_search
from app.store import cursors

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from app.jira.client import Site
    from app.sources.id_search import Page
    from app.store.cursors import Cursor
    from app.store.session import Session, Store

log = logs.get(__name__)

OVERLAP = timedelta(minutes=5)
"""How far back of the cursor each poll looks: an index lags, clocks differ, JQL may round to minutes."""
BEFORE_BACKFILL = timedelta(hours=1)
"""How far back of the first backfill's start the first poll looks: that moment is by our own clock."""
CURSOR = "issues"


def jql_since(moment_ms: int) -> str:
    """Everything that changed from a moment on, oldest first."""
    return f"updated >= {moment_ms} ORDER BY created ASC, key ASC"


def poll_issues(store: Store, site: Site, tenant_id: UUID) -> str | None:
    """Walk what changed. Returns what was found, None where it is nobody's turn; raises a JiraFailure."""
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
        since = cursor.reached or _ms((integration.started_at or clock.now()) - BEFORE_BACKFILL)
    try:
        return _walk(store, site, tenant_id, cursor, since - _ms_of(OVERLAP))
    finally:
        with store.bound_to(tenant_id) as session:
            cursors.give_back(session, cursor)


def _walk(store: Store, site: Site, tenant_id: UUID, cursor: Cursor, lower: int) -> str:
    looked, differing, began = 0, 0, cursor.began
    token = cursor.page_token if began is not None else None
    lately: dict[str, None] = {}
    try:
        for page in id_search.pages(site, jql_since(lower), token=token):
            began = began if began is not None else _ms(page.site_time)
            looked += len(page.issues)
            lately |= dict.fromkeys(page.issues)
            if page.token is None or len(lately) >= memberships.ISSUES:
                # What was held against the boards' filters when it was read was held against an index that lags.
                memberships.follow(store, site, tenant_id, lately)
                lately.clear()
            with store.bound_to(tenant_id) as session:
                differing += keep_page(session, page, origin=inbox.POLL)
                if page.token is None:
                    _finish(session, cursor, began)
                else:
                    cursors.move(session, cursor, page_token=page.token, began=began)
    except TokenExpired:
        with store.bound_to(tenant_id) as session:
            cursors.move(session, cursor, page_token=None, began=None)
        raise
    log.info("poll", tenant_id=str(tenant_id), looked=looked, differing=differing)
    return f"{looked} issues changed lately, {differing} of them were not here as they are there"


def _finish(session: Session, cursor: Cursor, began: int) -> None:
    """The walk has ended cleanly: next time from where it began."""
    cursors.move(session, cursor, reached=began, page_token=None, began=None, ended_at=clock.now())
    ledger.mark_polled(session)


def keep_page(session: Session, page: Page, *, origin: str) -> int:
    """Have what differs of a page read again. Returns how many issues that are."""
    stale = id_search.stale(session, page.issues)
    absences.seen_again(session, sorted(page.issues.keys() - set(stale)))
    return inbox.ask(session, stale, origin=origin)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _ms_of(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)
