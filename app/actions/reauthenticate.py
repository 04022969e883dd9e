"""An SEI admin gives an integration another token, a token in place of the Jira app, or the app in place of a token."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from app import ids, jobs
from app.actions.create import begin
from app.conditions import Code, Condition
from app.errors import Conflicting, JiraRefused
from app.integrations import ledger
from app.integrations.model import State
from app.integrations.validate import require_good
from app.sources import Method
from app.tenants import direct
from app.tenants.keyring import tenant_by_id

if TYPE_CHECKING:
    from uuid import UUID

    from app.doors.direct import DirectDoor
    from app.integrations.model import Integration
    from app.store.session import Session, Store
    from app.tenants.keyring import Keyring
    from app.tenants.model import Arrival
    from app.tenants.sites import Sites


def reauthenticate(
    store: Store, door: DirectDoor, keyring: Keyring, integration: Integration, arrival: Arrival, *, is_unchecked: bool
) -> Integration:
    """Read the integration's site with a token from now on: rows, feed and unfinished work stay.

    An integration without a site gets the token's. Raises ConnectionUnfit, and Conflicting for the token of another
    site; nothing changes then.
    """
    _require_open(integration)
    if integration.tenant_id is not None:
        _require_same_site(store, door, keyring, integration.tenant_id, arrival)
    if not is_unchecked:
        require_good(door.sites.with_token(arrival))
    tenant_id = integration.tenant_id or ids.new()
    with store.bound_to(tenant_id, account_id=integration.account_id) as session:
        direct.lock(session)
        current = replace(_locked(session, integration), method=Method.API_TOKEN)
        if current.tenant_id is None:
            direct.found(session, keyring, current.product, arrival)
            return begin(session, current)
        direct.switch(session, keyring, arrival)
        return _go_on(session, current)


def hand_back_to_app(store: Store, sites: Sites, integration: Integration, *, is_unchecked: bool) -> Integration:
    """Read the integration's site as the app again, and destroy the token. The rest stays.

    Raises Conflicting where the app isn't installed and enabled on the site, and ConnectionUnfit; nothing changes then.
    """
    _require_open(integration)
    tenant_id = integration.tenant_id
    if tenant_id is None:
        raise Conflicting(Code.APP_ABSENT)
    if not is_unchecked:
        try:
            source = sites.as_app(tenant_id)
        except JiraRefused as refusal:
            raise Conflicting(Code.APP_ABSENT) from refusal
        require_good(source)
    with store.bound_to(tenant_id, account_id=integration.account_id) as session:
        if not direct.lock(session):
            raise Conflicting(Code.APP_ABSENT)
        current = replace(_locked(session, integration), method=Method.CONNECT_APP)
        direct.drop_token(session, rows_stay=True)
        return _go_on(session, current)


def _locked(session: Session, integration: Integration) -> Integration:
    """The integration as it is now, locked. Raises Conflicting where it has another site, or is being deleted."""
    current = ledger.get(session, integration.id, lock=True)
    _require_open(current)
    if current.tenant_id != integration.tenant_id:
        raise Conflicting(Code.PAIRING_ENDED)
    return current


def _go_on(session: Session, integration: Integration) -> Integration:
    """Take up the work where it stopped. A paused integration stays paused."""
    state, reason = integration.state, integration.state_reason
    if State.PAUSED.value in (integration.state.value, integration.state_before):
        state, reason = State.PAUSED, Condition(Code.PAUSED)
    elif integration.state is State.DISCONNECTED or integration.parked_because is not None:
        state, reason = integration.catch_up_state, None
    ledger.move_to(
        session,
        integration.id,
        state,
        reason=reason,
        method=integration.method.value,
        state_before=None,
        parked_until=None,
        parked_because=None,
    )
    if state.is_working:
        session.enqueue(jobs.CATCH_UP, str(session.tenant_id), once_as=str(session.tenant_id))
    return ledger.get(session, integration.id)


def _require_open(integration: Integration) -> None:
    """Raises Conflicting for an integration that is being deleted."""
    if integration.state is State.DELETING:
        raise Conflicting(Code.DELETING)


def _require_same_site(store: Store, door: DirectDoor, keyring: Keyring, tenant_id: UUID, arrival: Arrival) -> None:
    """Require that the token opens the integration's own site: its rows are another site's otherwise."""
    with store.bound_to(tenant_id) as session:
        tenant = tenant_by_id(session, tenant_id)
        stored_arrival = keyring.token_for(session, tenant_id)
    if tenant is not None and not door.is_same_site(tenant, stored_arrival, arrival):
        raise Conflicting(Code.OTHER_SITE, site=tenant.site_url)
