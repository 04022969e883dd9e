"""An SEI admin changes an integration's name, description, tags or settings, or asks for the work of a change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app import jobs
from app.ingest import status
from app.ingest.drift import ChangePlan, plan_change
from app.integrations import ledger
from app.integrations.settings import IntegrationSettings
from app.jira.client import INTERACTIVE

if TYPE_CHECKING:
    from uuid import UUID

    from app.integrations.model import Integration
    from app.store.session import Session, Store
    from app.tenants.sites import Sites


@dataclass(frozen=True)
class Changes:
    """New values; None leaves a value as it is."""

    name: str | None = None
    description: str | None = None
    tags: list[str] | None = None
    settings: IntegrationSettings | None = None

    def columns(self) -> dict[str, Any]:
        """The values by column, as the ledger stores them."""
        columns = {"name": self.name, "description": self.description, "tags": self.tags}
        settings = None if self.settings is None else self.settings.model_dump(mode="json")
        return {name: value for name, value in {**columns, "settings": settings}.items() if value is not None}


def change_settings(session: Session, integration_id: UUID, changes: Changes) -> Integration:
    """Store the changes. The rows of a paired site follow settings that differ by jobs. Raises Missing.

    Text of newly excluded fields is removed from the stored rows; that alone reads nothing again.
    """
    before = IntegrationSettings.model_validate(ledger.get(session, integration_id, lock=True).settings)
    integration = ledger.change(session, integration_id, changes.columns())
    after = changes.settings or before
    if integration.tenant_id is None:
        return integration
    tenant_id = str(integration.tenant_id)
    # Without a name, so each change has a run of its own that begins after it.
    if {*after.excluded_fields} - {*before.excluded_fields}:
        session.enqueue(jobs.EXCLUDE, tenant_id)
    if after.selects_otherwise(before) or after.differs(before):
        session.enqueue(jobs.SETTINGS, tenant_id)
    return integration


def preview_settings(store: Store, sites: Sites, integration: Integration, settings: IntegrationSettings) -> ChangePlan:
    """The work that the settings would make. Raises Conflicting without a site, and a JiraFailure."""
    if integration.tenant_id is None:
        return ChangePlan()
    plan = plan_change(store, sites.open(integration.tenant_id, timeouts=INTERACTIVE), integration, settings)
    with ledger.site_session(store, integration):
        # The figures are those of a site that is still paired.
        return plan


def check_hygiene(store: Store, integration: Integration, settings: IntegrationSettings | None) -> None:
    """Refuse operators that don't suit the site's custom fields. Raises Malformed, and Conflicting without the pairing.

    The rows of a site are out of sight of the session that stores settings. An integration without a site has nothing to
    compare with; such a criterion is skipped later.
    """
    if settings is None or not settings.hygiene or integration.tenant_id is None:
        return
    with ledger.site_session(store, integration) as session:
        status.hygiene.require_suitable(session, settings)
