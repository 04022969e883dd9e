"""A person's client of a site's REST API, with an API token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from sandbox import Site

TOKEN = "ATATT-classic"


@dataclass(frozen=True)
class TokenClient:
    """Calls the REST API below `root`, the site's address or the gateway's, as one account."""

    site: Site
    account_id: str
    email: str
    root: str
    token: str = TOKEN

    @classmethod
    def of(cls, site: Site, account_id: str) -> TokenClient:
        """Give the account an address and a classic token."""
        email = f"{site.world.catalogue.users[account_id]['displayName'].replace(' ', '.').lower()}@site.example"
        site.world.catalogue.users[account_id]["emailAddress"] = email
        site.options.api_tokens = {**site.options.api_tokens, email: TOKEN}
        return cls(site, account_id, email, site.base_url)

    def with_scopes(self, *scopes: str) -> TokenClient:
        """Return the same account's client of the gateway, with a token of these scopes."""
        token = f"ATATT-scoped-{len(self.site.options.scoped_tokens)}"
        self.site.options.scoped_tokens = {**self.site.options.scoped_tokens, f"{self.email}:{token}": [*scopes]}
        root = f"{self.site.base_url}/ex/jira/{self.site.cloud_id}"
        return TokenClient(self.site, self.account_id, self.email, root, token)

    def withhold(self, *permissions: str) -> None:
        """Take permissions from the account."""
        self.site.options.withheld_permissions = {self.email: [*permissions]}

    def get(self, path: str, **params: object) -> requests.Response:
        """GET as the account."""
        return self.call("GET", path, params=params)

    def post(self, path: str, body: object) -> requests.Response:
        """POST JSON as the account."""
        return self.call("POST", path, json=body)

    def call(self, method: str, path: str, **kwargs: object) -> requests.Response:
        """Send a request with the token."""
        settings: dict[str, Any] = {"auth": (self.email, self.token), "allow_redirects": False, **kwargs}
        return requests.request(method, self.root + path, timeout=10, **settings)
