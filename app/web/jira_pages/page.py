"""The content of the page in Jira: integration, account, pairing, progress and state."""

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


def page_of(runtime: Runtime, tenant_id: UUID) -> shown.View:
    """The content of a site's page, in the form of `web.shown`."""
    with runtime.store.bound_to(tenant_id) as session:
        integration = ledger.of_tenant(session)
        entities = progress.by_entity(session) if integration else []
        event = overview.last_event(session) if integration else None
        by = overview.person(session, integration.paired_by) if integration else None
    page = shown.integration(integration, entities)
    page["text"]["account"] = accounts.name_of(runtime.store, integration.account_id) if integration else ""
    page["text"]["by"] = by or gettext("a Jira administrator")
    page["time"]["event"] = clock.rfc3339(event) if event else None
    return page
