"""Jira's list of webhooks that it could not deliver, kept for 72 hours: what we were down for comes in by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app import clock
from app.catalog.json_value import find
from app.errors import JiraNonsense, JiraRejected
from app.ingest.planning import inbox
from app.integrations import ledger
from app.jira import client
from app.store import cursors

if TYPE_CHECKING:
    from uuid import UUID

    from app.catalog.json_value import Json
    from app.jira.client import Site
    from app.store.session import Session, Store

_PATH = "/rest/api/3/webhook/failed"
_PAGE, _MOST_PAGES = 100, 1000
_LONGEST_ID = 255


def take_failed_webhooks(store: Store, site: Site, tenant_id: UUID) -> str | None:
    """Keep what is on the list since the last time. Returns what was found; raises a JiraFailure."""
    with store.bound_to(tenant_id) as session:
        integration = ledger.of_tenant(session)
        cursor = cursors.take(session, "failed webhooks") if integration and integration.is_served else None
    if cursor is None:
        return None
    after, kept = cursor.reached, 0
    try:
        for _ in range(_MOST_PAGES):
            body = site.get(_PATH, {"after": after, "maxResults": _PAGE}).body
            values = find(body, "values")
            failed = values if isinstance(values, list) else []
            moments = [moment for each in failed if isinstance(moment := find(each, "failureTime"), int)]
            # Those of one moment are never split between pages, so the last moment is a safe place to go on from.
            reached = max(moments, default=after)
            with store.bound_to(tenant_id) as session:
                kept += sum(_keep(session, each) for each in failed)
                cursors.move(session, cursor, reached=reached, ended_at=clock.now())
            if not find(body, "next") or reached <= after:
                break
            after = reached
    except JiraRejected:
        return None
    finally:
        with store.bound_to(tenant_id) as session:
            cursors.give_back(session, cursor)
    return f"{kept} webhooks that Jira could not deliver" if kept else None


def _keep(session: Session, failed: Json) -> bool:
    """One of the list as if it had been delivered; its event is in its address. Returns whether it is new."""
    address, known, raw = (find(failed, name) for name in ("url", "id", "body"))
    if not isinstance(address, str) or known is None:
        return False
    name = urlsplit(address).path.rsplit("/", 1)[-1]
    event = f"jira:{name.removeprefix('jira.')}" if name.startswith("jira.") else name
    try:
        body = client.parse(raw.encode()) if isinstance(raw, str) else raw
    except JiraNonsense:
        body = None
    return inbox.keep(session, str(known)[:_LONGEST_ID], event, body, origin=inbox.FAILED_LIST)
