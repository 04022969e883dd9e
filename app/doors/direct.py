"""The direct door: an SEI admin hands over a site's address and an API token.

An address may be pasted as the browser shows it. A token is tried where it can work: classic ones at the site itself, tokens
with scopes and those of service accounts at Atlassian's gateway under the site's cloud id
(support.atlassian.com, "Manage API tokens for your Atlassian account").
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app.catalog.json_value import find
from app.conditions import Code
from app.errors import JiraFailure, JiraRefused, Malformed
from app.jira import hosts
from app.tenants.model import Arrival, TokenKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.config import Settings
    from app.tenants.model import ApiToken, Tenant
    from app.tenants.sites import Sites

_TENANT_INFO = "/_edge/tenant_info"
_CLOUD_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class DirectDoor:
    """Tells a token's kind and a site's cloud id."""

    settings: Settings
    sites: Sites

    def knock(self, address: str, token: ApiToken) -> Arrival:
        """The site and its token, with the kind that the token has.

        A token that nobody takes comes back as it is: the checks of the connection name the reason. Raises Malformed for
        an address that is none, or is not on SITE_HOSTS.
        """
        base_url = address_of(address, self.settings.site_hosts)
        classic = Arrival(base_url, self._cloud_id(base_url), token)
        if classic.cloud_id is None or self._is_taken(classic):
            return classic
        scoped = replace(classic, token=replace(token, kind=TokenKind.SCOPED))
        return scoped if self._is_taken(scoped) else classic

    def is_same_site(self, tenant: Tenant, stored_arrival: Arrival | None, arrival: Arrival) -> bool:
        """Whether a token is for a tenant's site: Atlassian's id decides, and the address where one isn't told.

        A token's own address and id count before the tenant's: these follow the body of `installed`, which isn't signed.
        """
        base_url = stored_arrival.base_url if stored_arrival is not None else tenant.base_url
        cloud_id = stored_arrival.cloud_id if stored_arrival is not None else self._cloud_id(tenant.base_url)
        if cloud_id is not None and arrival.cloud_id is not None:
            return cloud_id == arrival.cloud_id
        return base_url == arrival.base_url

    def _is_taken(self, arrival: Arrival) -> bool:
        """Whether the credential is known there. A token without the scope to read its own account is."""
        try:
            self.sites.with_token(arrival).whoami()
        except JiraRefused as refusal:
            return refusal.condition.code is Code.SCOPE_MISSING or not refusal.is_credential
        except JiraFailure:
            return arrival.token.kind is TokenKind.CLASSIC
        return True

    def _cloud_id(self, base_url: str) -> str | None:
        """Atlassian's id of the site; None where the site doesn't tell it."""
        try:
            cloud_id = find(self.sites.for_anybody(base_url).get(_TENANT_INFO).body, "cloudId")
        except JiraFailure:
            return None
        return cloud_id if isinstance(cloud_id, str) and _CLOUD_ID.fullmatch(cloud_id) else None


def address_of(text: str, site_hosts: Sequence[str]) -> str:
    """The plain address of a site, of text as people paste it: without a scheme, with the path of a page.

    Raises Malformed for other text, and for hosts that are not on the list: look-alikes and custom domains.
    """
    address = text.strip()
    address = address if "://" in address else f"https://{address}"
    origin = None
    if not any(sign.isspace() or sign == "\\" for sign in address):
        try:
            parts = urlsplit(address)
        except ValueError:
            raise Malformed(Code.BAD_SITE_ADDRESS) from None
        origin = hosts.origin_of(f"{parts.scheme}://{parts.netloc}")
    if origin is None:
        raise Malformed(Code.BAD_SITE_ADDRESS)
    plain_http = hosts.Origin("http", origin.host, 80)
    candidates = [origin, hosts.Origin("https", origin.host, 443)] if origin == plain_http else [origin]
    for candidate in map(str, candidates):
        if hosts.is_allowed(candidate, site_hosts):
            return candidate
    raise Malformed(Code.SITE_NOT_LISTED, host=origin.host)
