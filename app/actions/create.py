"""An SEI admin creates an integration."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from app import clock, ids, jobs
from app.errors import JiraFailure
from app.integrations import ledger
from app.integrations.model import State
from app.integrations.settings import IntegrationSettings, time_zones
from app.integrations.validate import require_good
from app.tenants import direct

if TYPE_CHECKING:
    from uuid import UUID

    from app.integrations.ledger import Draft
    from app.integrations.model import Integration
    from app.sources import Source
    from app.store.session import Session, Store
    from app.tenants.keyring import Keyring
    from app.tenants.model import Arrival
    from app.tenants.sites import Sites


def create(store: Store, account_id: UUID, draft: Draft) -> Integration:
    """A new integration of the Jira app, waiting to be paired."""
    with store.bound_to_account(account_id) as session:
        return ledger.create(session, account_id, draft)


def create_with_token(  # noqa: PLR0913 - the parts of a process, and the words of one call
    store: Store,
    sites: Sites,
    keyring: Keyring,
    account_id: UUID,
    draft: Draft,
    arrival: Arrival,
    *,
    is_unchecked: bool = False,
) -> Integration:
    """A new integration with a site of its own, which is read at once. Raises ConnectionUnfit, and stores nothing then."""
    source = sites.with_token(arrival)
    if not is_unchecked:
        require_good(source)
    draft = _with_time_zone(draft, source)
    with store.bound_to(ids.new(), account_id=account_id) as session:
        integration = ledger.create(session, account_id, draft)
        direct.found(session, keyring, draft.product, arrival)
        return begin(session, integration)


def _with_time_zone(draft: Draft, source: Source) -> Draft:
    """The draft with the account's time zone, where its settings name none."""
    settings = IntegrationSettings.model_validate(draft.settings)
    zone = None
    if settings.time_zone is None:
        with suppress(JiraFailure):
            zone = source.whoami().time_zone
    if zone not in time_zones():
        return draft
    return draft._replace(settings=settings.model_copy(update={"time_zone": zone}).model_dump(mode="json"))


def begin(session: Session, integration: Integration) -> Integration:
    """Pair an integration with the session's tenant, and have everything read."""
    ledger.move_to(
        session,
        integration.id,
        State.BACKFILLING,
        tenant_id=session.tenant_id,
        method=integration.method.value,
        paired_by=None,
        paired_at=clock.now(),
        verified_at=None,
        state_before=None,
    )
    session.enqueue(jobs.PLAN, str(session.tenant_id))
    return ledger.get(session, integration.id)
