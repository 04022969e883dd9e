"""A tenant: one Jira site as it installed us. Never matched by its address."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID


class State(StrEnum):
    """Whether a site may be worked for."""

    ACTIVE = "active"
    DISABLED = "disabled"
    UNINSTALLED = "uninstalled"


class Protocol(StrEnum):
    """What brought a tenant."""

    CONNECT = "connect"


class Hook(StrEnum):
    """Jira's lifecycle hooks, weakest first: of two in one second the stronger one stands."""

    INSTALLED = "installed"
    ENABLED = "enabled"
    DISABLED = "disabled"
    UNINSTALLED = "uninstalled"

    @property
    def rank(self) -> int:
        """Breaks ties of `iat`, since Jira fires `disabled` and `uninstalled` milliseconds apart in any order."""
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

    @property
    def is_active(self) -> bool:
        """Whether its tokens are taken and its data is pulled."""
        return self.state is State.ACTIVE

    @property
    def site_url(self) -> str:
        """The address people know it by; for links only."""
        return self.display_url or self.base_url


@dataclass(frozen=True)
class Caller:
    """Who knocked, as a door proved it: the tenant, and the person where the token names one."""

    tenant: Tenant
    account_id: str | None
    issued_at: int
    """`iat` of the token, seconds."""


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
