"""The Connect door: four classes of token, one function each, and none takes another's.

    lifecycle   RS256, computed hash, `aud` is us     installed, uninstalled
    server      HS256, computed hash, header          enabled, disabled, webhooks
    page        HS256, computed hash, query, GET      pages in the frame
    context     HS256, `context-qsh`, header          calls of our own page's script

What a token is: Atlassian, "Understanding JWT for Connect apps" and "Security for Connect apps". What else is checked
and why: docs/security.md.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.doors import query_hash, tokens
from app.errors import Unproven
from app.tenants.model import Caller

if TYPE_CHECKING:
    from app.config import Settings
    from app.doors.install_keys import InstallKeys
    from app.doors.tokens import Claims, Unverified
    from app.tenants.keyring import Keyring
    from app.tenants.model import Tenant

_PAGE_LIFE = 900
_OTHER_LIFE = 3600
_SCHEME = "jwt "


@dataclass(frozen=True)
class ConnectRequest:
    """What a door needs to know of a request; web fills it in from the raw request line."""

    method: str
    target: str
    """The raw request target: path and query, still percent-encoded."""
    authorizations: tuple[str, ...]
    """Every `Authorization` header."""
    query_tokens: tuple[str, ...]
    """Every `jwt` parameter of the query."""


class ConnectDoor:
    """Proves who knocks. Every refusal is Unproven; what went wrong is for the log only."""

    def __init__(self, settings: Settings, keyring: Keyring, install_keys: InstallKeys) -> None:
        self._base_url = settings.base_url
        self._base_path = settings.base_path
        self._keyring = keyring
        self._install_keys = install_keys

    def lifecycle(self, connect_request: ConnectRequest) -> tuple[Claims, str]:
        """The claims of a token signed by Atlassian for this very address, and the raw token to be spent."""
        token = tokens.read(_from_header(connect_request), algorithm="RS256", longest_life=_OTHER_LIFE)
        # Free checks first: nobody makes us fetch a key with a token that could never do.
        if not any(_is_same(audience.removesuffix("/"), self._base_url) for audience in token.claims.audience):
            raise Unproven("aud is not us")
        self._require_computed_hash(token, connect_request)
        claims = tokens.verify(token, self._install_keys.key(token.key_id))
        return claims, token.raw

    def server(self, connect_request: ConnectRequest) -> Caller:
        """The tenant whose site sent this request to this very address."""
        token = tokens.read(_from_header(connect_request), algorithm="HS256", longest_life=_OTHER_LIFE)
        return self._shared_secret(token, connect_request, is_context=False, needs_active=False)

    def page(self, connect_request: ConnectRequest) -> Caller:
        """The tenant and person in whose frame this page is loaded."""
        if connect_request.method != "GET":
            raise Unproven("a page is loaded by GET")
        token = tokens.read(_from_query(connect_request), algorithm="HS256", longest_life=_PAGE_LIFE)
        return self._shared_secret(token, connect_request, is_context=False, needs_active=True)

    def context(self, connect_request: ConnectRequest) -> Caller:
        """The tenant and person whose page made this call."""
        token = tokens.read(_from_header(connect_request), algorithm="HS256", longest_life=_OTHER_LIFE)
        return self._shared_secret(token, connect_request, is_context=True, needs_active=True)

    def _shared_secret(
        self, token: Unverified, connect_request: ConnectRequest, *, is_context: bool, needs_active: bool
    ) -> Caller:
        tenant, claims = self._verify(token)
        if is_context:
            if not _is_same(claims.query_hash, query_hash.CONTEXT):
                raise Unproven("not a context token")
        else:
            self._require_computed_hash(token, connect_request)
        if needs_active and not tenant.is_active:
            raise Unproven("the app is disabled on this site")
        return Caller(tenant, claims.subject, claims.issued_at)

    def _verify(self, token: Unverified) -> tuple[Tenant, Claims]:
        found = self._keyring.find(token.claims.issuer)
        if found is None:
            # As much work as for a known site, so that time does not tell which sites are ours.
            tokens.verify(token, secrets.token_hex(32))
            raise Unproven("unknown site")
        tenant, held = found
        try:
            return tenant, tokens.verify(token, held.current)
        except Unproven:
            if held.previous is None:
                raise
            return tenant, tokens.verify(token, held.previous)

    def _require_computed_hash(self, token: Unverified, connect_request: ConnectRequest) -> None:
        expected = query_hash.hashes(connect_request.method, connect_request.target, self._base_path)
        if not any(_is_same(token.claims.query_hash, each) for each in expected):
            raise Unproven("qsh is for another request")


def _from_header(connect_request: ConnectRequest) -> str:
    """The one token in the header; a second one anywhere is a refusal, not a choice."""
    if len(connect_request.authorizations) != 1 or connect_request.query_tokens:
        raise Unproven("not exactly one token")
    header = connect_request.authorizations[0]
    if not header.lower().startswith(_SCHEME):
        raise Unproven("not the JWT scheme")
    return header[len(_SCHEME) :].strip()


def _from_query(connect_request: ConnectRequest) -> str:
    if len(connect_request.query_tokens) != 1 or connect_request.authorizations:
        raise Unproven("not exactly one token")
    return connect_request.query_tokens[0]


def _is_same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))
