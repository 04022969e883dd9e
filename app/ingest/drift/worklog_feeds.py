"""Worklogs by Jira's own feeds of changed and deleted ones: an edit of an old worklog is in no issue's newest twenty.

Both feeds omit the last minute and are an error where time tracking is off.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from app import clock
from app.catalog.json_value import find
from app.catalog.registry import entity
from app.conditions import Code, Condition
from app.ingest.drift.poll import OVERLAP, first_bound
from app.ingest.planning import field_policy, inbox
from app.ingest.writing import unreadable
from app.ingest.writing.page import parse_page
from app.ingest.writing.quarantine import write_accepted
from app.ingest.writing.unreadable import Part
from app.integrations import ledger
from app.integrations.model import State
from app.sources import Broken, Gone, NotForUs, NotOffered, persist
from app.sources.answers import FeedPage
from app.sources.outcomes import attempt
from app.store import cursors, records
from app.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

    from app.sources import Finding, Source
    from app.sources.source import WorklogFeed
    from app.store.session import Session, Store


_FEEDS = Part("worklog", "")
"""The site's feeds of worklogs; without them worklogs come with their issues."""


def follow_worklogs(store: Store, source: Source, tenant_id: UUID) -> Condition | None:
    """Read both feeds to their ends, each whatever becomes of the other one.

    Returns a summary, None where they aren't due here; raises a JiraFailure.
    """
    handlers: dict[WorklogFeed, Callable[[Mapping[str, int]], Callable[[Session], int]]] = {
        "updated": lambda ids: _changed(store, source, tenant_id, ids),
        "deleted": _gone,
    }
    follow = partial(_follow, store, source, tenant_id)
    outcomes = [
        persist(partial(attempt, partial(follow, feed, handle), names_object=False), source.diagnose)
        for feed, handle in handlers.items()
    ]
    findings = [outcome for outcome in outcomes if outcome is not None and not isinstance(outcome, int)]
    counts = [outcome for outcome in outcomes if isinstance(outcome, int)]
    with store.bound_to(tenant_id) as session:
        if findings:
            unreadable.set_aside(session, _FEEDS, findings[0])
        elif len(counts) == len(outcomes):
            unreadable.clear(session, _FEEDS.entity, [_FEEDS.scope_id])
    if not counts:
        return None
    changed_count, deleted_count = (outcome if isinstance(outcome, int) else 0 for outcome in outcomes)
    return Condition(Code.WORKLOGS_READ, changed=changed_count, deleted=deleted_count)


def _follow(
    store: Store,
    source: Source,
    tenant_id: UUID,
    feed: WorklogFeed,
    handle: Callable[[Mapping[str, int]], Callable[[Session], int]],
) -> int | Finding | None:
    with store.bound_to(tenant_id) as session:
        integration = ledger.of_tenant(session)
        if integration is None or not integration.is_served or integration.started_at is None:
            return None
        cursor = cursors.take(session, f"worklog/{feed}")
        if cursor is None:
            return None
        if not cursor.reached and integration.state is State.BACKFILLING:
            cursors.give_back(session, cursor)
            return None
        since = cursor.reached or first_bound(session, integration.started_at)
    row_count = 0
    try:
        for page in source.worklog_changes(feed, since - int(OVERLAP.total_seconds() * 1000)):
            match page:
                case FeedPage(worklogs, reached):
                    keep = handle(worklogs)
                    with store.bound_to(tenant_id) as session:
                        row_count += keep(session)
                        cursors.move(session, cursor, reached=max(reached, cursor.reached), ended_at=clock.now())
                case NotOffered() | Gone():
                    # Time tracking is off; the next round asks again.
                    return 0
                case NotForUs() | Broken():
                    return page
    finally:
        with store.bound_to(tenant_id) as session:
            cursors.give_back(session, cursor)
    return row_count


def _changed(store: Store, source: Source, tenant_id: UUID, ids: Mapping[str, int]) -> Callable[[Session], int]:
    """Read the changed worklogs. Returns the function that stores them."""
    with store.bound_to(tenant_id) as session:
        stored_times = _stored(session, list(ids))
    stale_ids = [
        worklog_id
        for worklog_id, moment in ids.items()
        if worklog_id not in stored_times or (moment and stored_times[worklog_id] != moment)
    ]
    answer = source.worklogs(stale_ids)
    bodies = answer.items

    def keep(session: Session) -> int:
        integration = ledger.of_tenant(session)
        if integration is None or not stale_ids:
            return 0
        issues = {str(find(worklog, "issueId")) for worklog in bodies}
        live_ids = _live_issues(session, issues)
        inbox.ask(session, sorted(issues - live_ids), origin=inbox.POLL)
        live_bodies = [worklog for worklog in bodies if str(find(worklog, "issueId")) in live_ids]
        parsed_page = parse_page(entity("worklog"), live_bodies, field_policy.load(session, integration), None)
        return write_accepted(session, parsed_page, read_at=answer.sent_at).changed_rows

    return keep


def _gone(ids: Mapping[str, int]) -> Callable[[Session], int]:
    """Bury worklogs that the feed reports deleted, and re-read their issues: a deleted issue takes its worklogs along."""

    def keep(session: Session) -> int:
        table = table_of(entity("worklog"))
        is_live = (table.c.id.in_(list(ids)), table.c.deleted_at.is_(None))
        issues = session.execute(select(table.c.issue_id).where(*is_live).distinct()).scalars().all()
        inbox.ask(session, issues, origin=inbox.POLL)
        return records.bury(session, entity("worklog"), list(ids), at=clock.now(), because="deleted")

    return keep


def _stored(session: Session, ids: list[str]) -> dict[str, int]:
    """Last changes of stored worklogs, epoch milliseconds; tombstones included, since a feed may name deleted ones."""
    table = table_of(entity("worklog"))
    rows: Any = session.execute(select(table.c.id, table.c.updated).where(table.c.id.in_(ids)))
    return {row.id: int(row.updated.timestamp() * 1000) if row.updated else 0 for row in rows}


def _live_issues(session: Session, issues: set[str]) -> set[str]:
    table = table_of(entity("issue"))
    query = select(table.c.id).where(table.c.id.in_(sorted(issues)), table.c.deleted_at.is_(None))
    return set(session.execute(query).scalars())
