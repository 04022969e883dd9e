"""Opens a tenant's Jira site, with requests signed in the tenant's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.conditions import Code
from app.errors import JiraRefused
from app.jira.client import Connections, Gate, Site
from app.jira.credentials.connect_jwt import ConnectJwt
from app.jira.limits import Purpose
from app.sources import source_for
from app.tenants.keyring import Keyring, tenant_by_id

if TYPE_CHECKING:
    from uuid import UUID

    from app.config import Settings
    from app.jira.limits import Limiter
    from app.sources import Source
    from app.store.session import Store
    from app.tenants.model import Tenant


_METHOD = "connect_app"
"""The only kind of connection so far."""


class Sites:
    """Opens sources by the tenants' current records: after a rename or a rotation the next one is right."""

    def __init__(self, settings: Settings, store: Store, keyring: Keyring, limiter: Limiter) -> None:
        self._settings = settings
        self._limiter = limiter
        self._store = store
        self._keyring = keyring
        self._connections = Connections(f"sei-connect-jira {settings.app_key}", settings.site_hosts)

    def open(self, tenant_id: UUID, purpose: Purpose = Purpose.READ_THROUGH) -> Source:
        """The tenant's source for a purpose. Raises JiraRefused when the tenant has left, is disabled or has no secret."""
        tenant, site = self._open(tenant_id, purpose)
        return source_for(tenant.product, _METHOD, site)

    def client_of(self, tenant_id: UUID) -> Site:
        """The tenant's client, for a door's question about permissions. Raises JiraRefused."""
        return self._open(tenant_id, Purpose.READ_THROUGH)[1]

    def _open(self, tenant_id: UUID, purpose: Purpose) -> tuple[Tenant, Site]:
        with self._store.bound_to(tenant_id) as session:
            tenant = tenant_by_id(session, tenant_id)
            secrets = self._keyring.open_for(session, tenant_id)
        if tenant is None or not tenant.is_active or secrets is None or tenant.client_key is None:
            raise JiraRefused(Code.APP_INACTIVE)
        credential = ConnectJwt(
            app_key=self._settings.app_key,
            client_key=tenant.client_key,
            shared_secret=secrets.current,
            base_url=tenant.base_url,
        )
        gate = Gate(self._limiter, str(tenant_id), purpose)
        return tenant, Site(tenant.base_url, credential, self._connections, self._settings.site_hosts, gate)
