"""An SEI admin's criteria of hygiene are checked against the site, before they are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.ingest import status
from app.integrations import ledger

if TYPE_CHECKING:
    from app.integrations.model import Integration
    from app.integrations.settings import IntegrationSettings
    from app.store.session import Store


def check_hygiene(store: Store, integration: Integration, settings: IntegrationSettings | None) -> None:
    """Refuse operators that don't suit the site's custom fields. Raises Malformed, and Conflicting without the pairing.

    An integration without a site has nothing to compare with; such a criterion is skipped later.
    """
    if settings is None or not settings.hygiene or integration.tenant_id is None:
        return
    with ledger.site_session(store, integration) as session:
        status.hygiene.require_suitable(session, settings)
