"""Tokens from the site to the app: RS256 for install hooks, HS256 for everything else."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import jwt

from sandbox.connect.query_hash import CONTEXT, query_hash

if TYPE_CHECKING:
    from sandbox.connect.install_key import SiteKey

LIFE_S = 180
CONTEXT_LIFE_S = 15 * 60

Claims = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Address:
    """An app's base URL, with the query hash of requests to it."""

    base_url: str

    @property
    def base_path(self) -> str:
        """The path prefix that query hashes omit."""
        return urlsplit(self.base_url).path.rstrip("/")

    def hash_of(self, method: str, url: str) -> str:
        """Return the `qsh` of a request to an absolute URL or to a path on the host."""
        parts = urlsplit(url)
        return query_hash(method, parts.path, parts.query, self.base_path)

    def url(self, relative: str) -> str:
        """Resolve a URL of the descriptor."""
        return self.base_url.rstrip("/") + "/" + relative.lstrip("/")


def claims(client_key: str, qsh: str, *, life_s: int = LIFE_S, subject: str | None = None) -> Claims:
    """Return the common claims of all tokens."""
    now = int(time.time())
    payload: Claims = {"iss": client_key, "iat": now, "exp": now + life_s, "qsh": qsh}
    if subject is not None:
        payload["sub"] = subject
    return payload


def install_token(key: SiteKey, client_key: str, app: Address, url: str, **changes: object) -> str:
    """Sign an `installed` or `uninstalled` hook; `changes` replace claims, None removes one (for tests of attacks)."""
    payload = {**claims(client_key, app.hash_of("POST", url)), "aud": [app.base_url]}
    return jwt.encode(_replace(payload, changes), key.private, algorithm="RS256", headers={"kid": key.kid})


def server_token(secret: str, client_key: str, app: Address, method: str, url: str, **changes: object) -> str:
    """Sign a webhook, or an `enabled` or `disabled` hook."""
    return jwt.encode(_replace(claims(client_key, app.hash_of(method, url)), changes), secret, algorithm="HS256")


def page_token(secret: str, client_key: str, app: Address, url: str, account_id: str | None, **changes: object) -> str:
    """Sign the load of a page in the frame; the hash covers the full query."""
    payload = claims(client_key, app.hash_of("GET", url), subject=account_id)
    return jwt.encode(_replace(payload, changes), secret, algorithm="HS256")


def context_token(secret: str, client_key: str, account_id: str | None, **changes: object) -> str:
    """Sign the token that `AP.context.getToken` gives to a page."""
    payload = claims(client_key, CONTEXT, life_s=CONTEXT_LIFE_S, subject=account_id)
    return jwt.encode(_replace(payload, changes), secret, algorithm="HS256")


def _replace(payload: Claims, changes: dict[str, object]) -> Claims:
    return {name: value for name, value in {**payload, **changes}.items() if value is not None}
