"""A tenant: one installation of the app on a Jira site. Never matched by its address."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from app.sources.kinds import Method

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID


class State(StrEnum):
    """Whether the app may work for a site."""

    ACTIVE = "active"
    DISABLED = "disabled"
    UNINSTALLED = "uninstalled"


class Protocol(StrEnum):
    """The protocol of a tenant's install."""

    CONNECT = "connect"


class Hook(StrEnum):
    """Jira's lifecycle hooks, weakest first: of two in one second the stronger one wins."""

    INSTALLED = "installed"
    ENABLED = "enabled"
    DISABLED = "disabled"
    UNINSTALLED = "uninstalled"

    @property
    def rank(self) -> int:
        """Tie-breaker for equal `iat`: Jira fires `disabled` and `uninstalled` milliseconds apart in any order."""
        return list(Hook).index(self)


@dataclass(frozen=True)
class Tenant:
    """One install record."""

    id: UUID
    product: str
    base_url: str
    display_url: str | None
    state: State
    client_key: str | None
    method: Method = Method.CONNECT_APP

    @property
    def is_active(self) -> bool:
        """Whether its tokens are accepted and its data is read."""
        return self.state is State.ACTIVE

    @property
    def site_url(self) -> str:
        """The address known to people; for links only."""
        return self.display_url or self.base_url


@dataclass(frozen=True)
class Caller:
    """An authenticated caller: the tenant, and the person if the token names one."""

    tenant: Tenant
    account_id: str | None
    issued_at: int
    """`iat` of the token, seconds."""


class TokenKind(StrEnum):
    """Where a token works."""

    CLASSIC = "classic"
    """At the site's own address."""
    SCOPED = "scoped"
    """At Atlassian's gateway only, within its scopes; tokens of service accounts are of this kind."""


@dataclass(frozen=True)
class ApiToken:
    """An Atlassian account's API token for one site. Never log it."""

    email: str
    token: str
    kind: TokenKind = TokenKind.CLASSIC
    expires_at: datetime | None = None
    """The end that its maker chose; Jira doesn't tell it."""

    def __repr__(self) -> str:
        return f"ApiToken({self.kind.value!r})"


@dataclass(frozen=True)
class Arrival:
    """A site by its address and Atlassian's id, and a token for it. The three are sealed together."""

    base_url: str
    cloud_id: str | None
    token: ApiToken


@dataclass(frozen=True)
class Install:
    """A proven `installed` call. Holds the shared secret: never log it."""

    client_key: str
    shared_secret: str
    base_url: str
    display_url: str | None
    installation_id: str | None
    account_id: str | None
    issued_at: int

    def __repr__(self) -> str:
        return f"Install({self.client_key!r}, {self.base_url!r})"
