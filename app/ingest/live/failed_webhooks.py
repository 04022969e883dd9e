"""Jira's list of webhooks that it could not deliver, kept for 72 hours: an outage of ours repairs itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from app import clock
from app.catalog.json_value import find
from app.conditions import Code, Condition
from app.errors import JiraNonsense
from app.ingest.planning import inbox
from app.integrations import ledger
from app.jira import client
from app.sources import Broken, Gone, NotForUs, NotOffered
from app.sources.answers import FailedPage
from app.store import cursors

if TYPE_CHECKING:
    from uuid import UUID

    from app.catalog.json_value import Json
    from app.sources import Source
    from app.store.session import Store

_BEHIND_PATH = re.compile(r"[?#].*", re.DOTALL)


def take_failed_webhooks(store: Store, source: Source, tenant_id: UUID) -> Condition | None:
    """Keep the list's new entries. Returns a summary; raises a JiraFailure."""
    if not source.capabilities.failed_webhooks:
        return None
    with store.bound_to(tenant_id) as session:
        integration = ledger.of_tenant(session)
        cursor = cursors.take(session, "failed webhooks") if integration and integration.is_served else None
    if cursor is None:
        return None
    delivery_count = 0
    try:
        for page in source.failed_webhooks(cursor.reached):
            match page:
                case FailedPage(deliveries, reached):
                    with store.bound_to(tenant_id) as session:
                        arrivals = [arrival for delivery in deliveries if (arrival := _arrival(delivery))]
                        delivery_count += inbox.keep_all(session, arrivals, origin=inbox.FAILED_LIST)
                        cursors.move(session, cursor, reached=reached, ended_at=clock.now())
                case NotOffered() | NotForUs() | Gone() | Broken():
                    # Polls and sweeps find what a lost webhook reported.
                    return None
    finally:
        with store.bound_to(tenant_id) as session:
            cursors.give_back(session, cursor)
    return Condition(Code.DELIVERIES_RECOVERED, deliveries=delivery_count) if delivery_count else None


def _arrival(delivery: Json) -> inbox.Arrival | None:
    """One entry as a delivery; its event is in its address. None for an entry without an address or an id."""
    address, delivery_id, raw = (find(delivery, name) for name in ("url", "id", "body"))
    if not isinstance(address, str) or not isinstance(delivery_id, str | int):
        return None
    name = _BEHIND_PATH.sub("", address).rsplit("/", 1)[-1]
    event = f"jira:{name.removeprefix('jira.')}" if name.startswith("jira.") else name
    try:
        body = client.parse(raw.encode("utf-8", "replace")) if isinstance(raw, str) else raw
    except JiraNonsense:
        body = None
    return inbox.Arrival(str(delivery_id), event, body)
