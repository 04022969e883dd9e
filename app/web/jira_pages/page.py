"""What the page in Jira says: which integration and account, since when, by whom, how far, and how it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app import clock
from app.ingest.status import overview, progress
from app.integrations import accounts, ledger
from app.web import shown
from app.web.words.language import gettext

if TYPE_CHECKING:
    from uuid import UUID

    from app.runtime import Runtime


def page_of(runtime: Runtime, tenant_id: UUID) -> shown.Shown:
    """The page of a site, as `web.shown` says."""
    with runtime.store.bound_to(tenant_id) as session:
        held = ledger.of_tenant(session)
        entities = progress.by_entity(session) if held else []
        event = overview.last_event(session) if held else None
        by = overview.person(session, held.paired_by) if held else None
    page = shown.integration(held, entities)
    page["text"]["account"] = accounts.name_of(runtime.store, held.account_id) if held else ""
    page["text"]["by"] = by or gettext("a Jira administrator")
    page["time"]["event"] = clock.rfc3339(event) if event else None
    return page
