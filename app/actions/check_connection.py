"""An SEI admin validates a connection against the live site."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.conditions import Code, Condition
from app.errors import JiraRefused
from app.ingest import status
from app.integrations import ledger
from app.integrations.checks import Check
from app.integrations.validate import not_paired, validate
from app.jira.client import INTERACTIVE

if TYPE_CHECKING:
    from app.integrations.model import Integration
    from app.store.session import Store
    from app.tenants.sites import Sites


def check_connection(store: Store, sites: Sites, integration: Integration) -> list[Check]:
    """Run every check of the pre-flight, in order, up to the first that makes the next ones pointless.

    Raises Conflicting where the pairing ends meanwhile: the checks describe the site of another account then.
    """
    if integration.tenant_id is None:
        return not_paired()
    try:
        checks = validate(sites.open(integration.tenant_id, timeouts=INTERACTIVE))
    except JiraRefused as refusal:
        checks = [Check("paired", ok=False, condition=Condition(Code.SITE_INACTIVE, why=refusal.condition))]
    with ledger.site_session(store, integration) as session:
        uses = status.field_uses(session, integration) if checks[0].ok else []
    return [*checks, _fields(uses)] if uses else checks


def _fields(uses: list[status.FieldUse]) -> Check:
    """The first doubt about the site's own fields; the Settings tab and the API list the others."""
    doubts = [use.doubt for use in uses if use.doubt is not None]
    doubt = min(doubts, key=lambda condition: _GRAVEST.index(condition.code), default=Condition(Code.FIELDS_CLEAR))
    return Check("fields", ok=not doubts, condition=doubt, is_required=False)


_GRAVEST = (Code.FIELD_GONE, Code.FIELDS_SEVERAL, Code.FIELD_ABSENT)
