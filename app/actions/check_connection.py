"""An SEI admin validates a connection against the live site."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.conditions import Code, Condition
from app.errors import JiraRefused
from app.integrations.validate import Check, not_paired, validate

if TYPE_CHECKING:
    from app.integrations.model import Integration
    from app.tenants.sites import Sites


def check_connection(sites: Sites, integration: Integration) -> list[Check]:
    """Run every check of the pre-flight, in order, up to the first that makes the next ones pointless."""
    if integration.tenant_id is None:
        return not_paired()
    try:
        return validate(sites.open(integration.tenant_id))
    except JiraRefused as refusal:
        return [Check("paired", ok=False, condition=Condition(Code.SITE_INACTIVE, why=refusal.condition))]
