"""The Connect door: four classes of token, one function each; none accepts the token of another.

    lifecycle   RS256, computed hash, `aud` is us     installed, uninstalled
    server      HS256, computed hash, header          enabled, disabled, webhooks
    page        HS256, computed hash, query, GET      pages in the frame
    context     HS256, `context-qsh`, header          calls from our own page's script

Token format: Atlassian, "Understanding JWT for Connect apps" and "Security for Connect apps". Our additional checks and
their reasons: docs/security.md.
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
    from app.doors.tokens import Claims, UnverifiedToken
    from app.tenants.keyring import Keyring
    from app.tenants.model import Tenant

_PAGE_LIFE = 900
_OTHER_LIFE = 3600
_SCHEME = "jwt "


@dataclass(frozen=True)
class ConnectRequest:
    """The parts of a request for a door; web takes them from the raw request line."""

    method: str
    target: str
    """The raw request target: path and query, still percent-encoded."""
    authorizations: tuple[str, ...]
    """Every `Authorization` header."""
    query_tokens: tuple[str, ...]
    """Every `jwt` parameter of the query."""


class ConnectDoor:
    """Authenticates callers. Every refusal is Unproven, with a reason for the log only."""

    def __init__(self, settings: Settings, keyring: Keyring, install_keys: InstallKeys) -> None:
        self._bases = settings.bases
        self._base_paths = settings.base_paths
        self._keyring = keyring
        self._install_keys = install_keys

    def lifecycle(self, connect_request: ConnectRequest) -> tuple[Claims, str]:
        """The claims of a token signed by Atlassian for this exact address, and the raw token for the replay guard."""
        token = tokens.read(_from_header(connect_request), algorithm="RS256", longest_life=_OTHER_LIFE)
        # Free checks first: a token that must fail anyway never makes us fetch a key.
        audiences = [audience.removesuffix("/") for audience in token.claims.audience]
        if not any(_is_same(audience, base) for audience in audiences for base in self._bases):
            raise Unproven("aud is not us")
        self._require_computed_hash(token, connect_request)
        claims = tokens.verify(token, self._install_keys.key(token.key_id))
        self._install_keys.confirm(token.key_id)
        return claims, token.raw

    def server(self, connect_request: ConnectRequest) -> Caller:
        """The tenant of a request from Jira's server to this exact address."""
        token = tokens.read(_from_header(connect_request), algorithm="HS256", longest_life=_OTHER_LIFE)
        return self._shared_secret(token, connect_request, is_context=False, needs_active=False)

    def page(self, connect_request: ConnectRequest) -> Caller:
        """The tenant and person of a page load in Jira's frame."""
        if connect_request.method != "GET":
            raise Unproven("a page is loaded by GET")
        token = tokens.read(_from_query(connect_request), algorithm="HS256", longest_life=_PAGE_LIFE)
        return self._shared_secret(token, connect_request, is_context=False, needs_active=True)

    def context(self, connect_request: ConnectRequest) -> Caller:
        """The tenant and person of a call from our own page's script."""
        token = tokens.read(_from_header(connect_request), algorithm="HS256", longest_life=_OTHER_LIFE)
        return self._shared_secret(token, connect_request, is_context=True, needs_active=True)

    def _shared_secret(
        self, token: UnverifiedToken, connect_request: ConnectRequest, *, is_context: bool, needs_active: bool
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

    def _verify(self, token: UnverifiedToken) -> tuple[Tenant, Claims]:
        entry = self._keyring.find(token.claims.issuer)
        if entry is None:
            # Constant work for unknown sites: the response time must not reveal our customers.
            tokens.verify(token, secrets.token_hex(32))
            raise Unproven("unknown site")
        tenant, shared_secrets = entry
        try:
            return tenant, tokens.verify(token, shared_secrets.current)
        except Unproven:
            # No leeway for the clocks: the owner of a leaked secret would have it as well.
            previous = shared_secrets.previous_for(token.claims.issued_at)
            if previous is None:
                raise
            return tenant, tokens.verify(token, previous)

    def _require_computed_hash(self, token: UnverifiedToken, connect_request: ConnectRequest) -> None:
        request_hashes = (
            request_hash
            for base_path in self._base_paths
            for request_hash in query_hash.hashes(connect_request.method, connect_request.target, base_path)
        )
        if not any(_is_same(token.claims.query_hash, request_hash) for request_hash in request_hashes):
            raise Unproven("qsh is for another request")


def _from_header(connect_request: ConnectRequest) -> str:
    """The only token, from the header. A second token anywhere is refused rather than ignored."""
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


def _is_same(first: str, second: str) -> bool:
    return hmac.compare_digest(first.encode("utf-8", "surrogatepass"), second.encode("utf-8", "surrogatepass"))
