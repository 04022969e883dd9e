"""Opens a tenant's Jira site, with requests in the tenant's name: signed by the app, or with an API token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app import ids
from app.conditions import Code
from app.errors import JiraRefused
from app.jira.client import INTERACTIVE, WORKERS, Connections, Gate, Site
from app.jira.credentials.anonymous import Anonymous
from app.jira.credentials.connect_jwt import ConnectJwt
from app.jira.credentials.token_auth import TokenAuth
from app.jira.limits import Purpose
from app.sources import Method, Product, source_for
from app.tenants.keyring import Keyring, tenant_by_id
from app.tenants.model import Arrival, TokenKind

if TYPE_CHECKING:
    from uuid import UUID

    from requests.auth import AuthBase

    from app.config import Settings
    from app.jira.client import Timeouts
    from app.jira.limits import Limiter
    from app.sources import Source
    from app.store.session import Session, Store
    from app.tenants.model import Tenant


class Sites:
    """Opens sources by the tenants' current records: after a rename or a rotation the next one is right."""

    def __init__(self, settings: Settings, store: Store, keyring: Keyring, limiter: Limiter) -> None:
        self._settings = settings
        self._limiter = limiter
        self._store = store
        self._keyring = keyring
        self._connections = Connections(f"sei-connect-jira {settings.app_key}", settings.site_hosts)

    def open(self, tenant_id: UUID, purpose: Purpose = Purpose.READ_THROUGH, *, timeouts: Timeouts = WORKERS) -> Source:
        """The tenant's source for a purpose. Raises JiraRefused when the tenant has left, is disabled or has no secret."""
        with self._store.bound_to(tenant_id) as session:
            tenant = _require_active(session)
            is_metered = tenant.method is Method.CONNECT_APP
            gate = Gate(self._limiter, str(tenant_id), purpose, is_metered=is_metered, timeouts=timeouts)
            if tenant.method is Method.CONNECT_APP:
                site = self._site(tenant.base_url, self._signature(session, tenant), gate)
            else:
                site = self._with_token(self._stored_arrival(session), gate)
        return source_for(tenant.product, tenant.method, site)

    def as_app(self, tenant_id: UUID) -> Source:
        """The tenant's source as the app would read it, to check it before the app takes over. Raises JiraRefused."""
        return source_for(Product.CLOUD, Method.CONNECT_APP, self.client_of(tenant_id))

    def client_of(self, tenant_id: UUID) -> Site:
        """The app's own client, for a door's question about permissions. Raises JiraRefused."""
        with self._store.bound_to(tenant_id) as session:
            tenant = _require_active(session)
            signature = self._signature(session, tenant)
        return self._site(tenant.base_url, signature, Gate(self._limiter, str(tenant_id), Purpose.READ_THROUGH))

    def with_token(self, arrival: Arrival) -> Source:
        """A source for a token that isn't stored: to check it. It has a turn of its own among the site's requests."""
        return source_for(Product.CLOUD, Method.API_TOKEN, self._with_token(arrival, self._strangers_gate()))

    def for_anybody(self, base_url: str) -> Site:
        """A client without a credential."""
        return self._site(base_url, Anonymous(), self._strangers_gate())

    def _strangers_gate(self) -> Gate:
        """For the requests of a waiting person to a site that is no tenant's yet."""
        return Gate(self._limiter, str(ids.new()), Purpose.READ_THROUGH, is_metered=False, timeouts=INTERACTIVE)

    def _with_token(self, arrival: Arrival, gate: Gate) -> Site:
        root = arrival.base_url
        if arrival.token.kind is TokenKind.SCOPED:
            root = f"{self._settings.gateway}/ex/jira/{arrival.cloud_id}"
        credential = TokenAuth(email=arrival.token.email, token=arrival.token.token, root=root)
        return self._site(arrival.base_url, credential, gate, root=root)

    def _stored_arrival(self, session: Session) -> Arrival:
        arrival = self._keyring.token_for(session, session.tenant_id)
        if arrival is None:
            raise JiraRefused(Code.APP_INACTIVE)
        return arrival

    def _signature(self, session: Session, tenant: Tenant) -> ConnectJwt:
        secrets = self._keyring.open_for(session, tenant.id)
        if secrets is None or tenant.client_key is None:
            raise JiraRefused(Code.APP_INACTIVE)
        return ConnectJwt(
            app_key=self._settings.app_key,
            client_key=tenant.client_key,
            shared_secret=secrets.current,
            base_url=tenant.base_url,
        )

    def _site(self, base_url: str, credential: AuthBase, gate: Gate, *, root: str | None = None) -> Site:
        return Site(base_url, credential, self._connections, self._settings.site_hosts, gate, root=root)


def _require_active(session: Session) -> Tenant:
    """The session's tenant. Raises JiraRefused unless it is active."""
    tenant = tenant_by_id(session, session.tenant_id)
    if tenant is None or not tenant.is_active:
        raise JiraRefused(Code.APP_INACTIVE)
    return tenant
