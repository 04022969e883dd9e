"""Parking of a site that refuses the app as a whole: one probe an hour, until it answers again.

There are two reasons: the credential is broken (401 to everything), or the licence of a paid app has lapsed. One 401 parks
no site: a secret may have been rotated during a job, so the site is asked once more with the current one.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from app import clock, logs
from app.conditions import Code, Condition
from app.errors import JiraFailure, JiraRefused
from app.ingest.planning import resume
from app.integrations import ledger
from app.sources import Method
from app.tenants import keyring

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from app.sources import Source
    from app.store.session import Store
    from app.tenants.sites import Sites

log = logs.get(__name__)

PROBE_INTERVAL = timedelta(hours=1)
CREDENTIAL, LICENCE = "credential", "licence"
_REASONS = {CREDENTIAL: Code.SIGNATURE_REFUSED, LICENCE: Code.LICENCE_LAPSED}


def confirm(store: Store, sites: Sites, tenant_id: UUID) -> bool:
    """Ask once more after a 401, with the current credential, and park the tenant if that is refused too.

    A tenant that got another credential while the site was asked isn't parked.
    """
    with store.bound_to(tenant_id) as session:
        changed_at = keyring.changed_at(session)
    try:
        sites.open(tenant_id).whoami()
    except JiraRefused as refusal:
        if refusal.is_credential:
            return _park(store, tenant_id, CREDENTIAL, changed_at=changed_at)
    except JiraFailure:
        return False
    return False


def probe(store: Store, source: Source, tenant_id: UUID, app_key: str) -> Condition | None:
    """Probe a parked site. Returns a summary, None where it isn't parked."""
    with store.bound_to(tenant_id) as session:
        integration = ledger.of_tenant(session)
        if integration is None or integration.parked_because is None or not integration.state.is_working:
            return None
    try:
        source.whoami()
    except JiraRefused as refusal:
        if not refusal.is_credential:
            raise
        _park(store, tenant_id, CREDENTIAL)
        return Condition(Code.SIGNATURE_STILL_REFUSED)
    if _has_lapsed(source, app_key):
        _park(store, tenant_id, LICENCE)
        return Condition(Code.LICENCE_STILL_LAPSED)
    with store.bound_to(tenant_id) as session:
        ledger.unpark(session)
        resume.resume_work(session)
    return Condition(Code.SITE_ANSWERS_AGAIN)


def check_licence(store: Store, source: Source, tenant_id: UUID, app_key: str) -> Condition | None:
    """Park a tenant with a lapsed licence; a free app has no licence. Raises a JiraFailure."""
    if not _has_lapsed(source, app_key):
        return None
    _park(store, tenant_id, LICENCE)
    return Condition(Code.LICENCE_FOUND_LAPSED)


def _has_lapsed(source: Source, app_key: str) -> bool:
    return source.capabilities.licence and source.has_lapsed(app_key)


def _park(store: Store, tenant_id: UUID, because: str, *, changed_at: datetime | None = None) -> bool:
    """Park the tenant, unless its credential has changed since a moment. Returns whether it did."""
    with store.bound_to(tenant_id) as session:
        integration = ledger.of_tenant(session, lock=True)
        if changed_at is not None and keyring.changed_at(session) != changed_at:
            return False
        is_by_token = integration is not None and integration.method is Method.API_TOKEN
        code = Code.TOKEN_REFUSED if is_by_token and because == CREDENTIAL else _REASONS[because]
        ledger.park(session, because, until=clock.now() + PROBE_INTERVAL, reason=Condition(code))
    log.warning("tenant parked", tenant_id=str(tenant_id), because=because)
    return True
