"""An operator compares the stored rows with the site's own counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.conditions import Code
from app.errors import Conflicting
from app.ingest import proof

if TYPE_CHECKING:
    from app.ingest.proof import Finding
    from app.integrations.model import Integration
    from app.store.session import Store
    from app.tenants.sites import Sites


def verify(store: Store, sites: Sites, integration: Integration) -> list[Finding]:
    """Compare now, in this process, and store the findings. Raises Conflicting, a JiraFailure."""
    if integration.tenant_id is None:
        raise Conflicting(Code.NO_SITE)
    return proof.verify(store, sites.open(integration.tenant_id), integration.tenant_id)
