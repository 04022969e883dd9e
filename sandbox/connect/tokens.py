"""The tokens a site sends: RS256 for install hooks, HS256 for everything else."""

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
    """An app's base URL, and how requests to it are hashed."""

    base_url: str

    @property
    def base_path(self) -> str:
        """The path prefix that hashes leave out."""
        return urlsplit(self.base_url).path.rstrip("/")

    def hash_of(self, method: str, url: str) -> str:
        """Return the qsh of a request to an absolute URL or a path below the host."""
        parts = urlsplit(url)
        return query_hash(method, parts.path, parts.query, self.base_path)

    def url(self, relative: str) -> str:
        """Resolve a URL of the descriptor."""
        return self.base_url.rstrip("/") + "/" + relative.lstrip("/")


def claims(client_key: str, qsh: str, *, life_s: int = LIFE_S, subject: str | None = None) -> Claims:
    """Return the claims every token carries."""
    now = int(time.time())
    made: Claims = {"iss": client_key, "iat": now, "exp": now + life_s, "qsh": qsh}
    if subject is not None:
        made["sub"] = subject
    return made


def install_token(key: SiteKey, client_key: str, app: Address, url: str, **changes: object) -> str:
    """Sign an `installed` or `uninstalled` hook; `changes` replace claims, None removes one (for attack tests)."""
    made = {**claims(client_key, app.hash_of("POST", url)), "aud": [app.base_url]}
    return jwt.encode(_changed(made, changes), key.private, algorithm="RS256", headers={"kid": key.kid})


def server_token(secret: str, client_key: str, app: Address, method: str, url: str, **changes: object) -> str:
    """Sign a webhook, an `enabled` or a `disabled` hook."""
    return jwt.encode(_changed(claims(client_key, app.hash_of(method, url)), changes), secret, algorithm="HS256")


def page_token(secret: str, client_key: str, app: Address, url: str, account_id: str | None, **changes: object) -> str:
    """Sign the load of a page in the frame, over its full query."""
    made = claims(client_key, app.hash_of("GET", url), subject=account_id)
    return jwt.encode(_changed(made, changes), secret, algorithm="HS256")


def context_token(secret: str, client_key: str, account_id: str | None, **changes: object) -> str:
    """Sign what `AP.context.getToken` hands to a page."""
    made = claims(client_key, CONTEXT, life_s=CONTEXT_LIFE_S, subject=account_id)
    return jwt.encode(_changed(made, changes), secret, algorithm="HS256")


def _changed(made: Claims, changes: dict[str, object]) -> Claims:
    return {name: value for name, value in {**made, **changes}.items() if value is not None}
