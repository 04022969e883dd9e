"""Tools of an attack: sites to impersonate, exact requests to the app, and access to its database."""

from __future__ import annotations

import http.client
import json
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from app.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    import psycopg

    from tests.fakes.atlassian import Atlassian
    from tests.fakes.key_host import HttpKeyHost
    from tests.story.processes import RunningApp

    Headers = Sequence[tuple[str, str]]

BASE_PATH = "/base"
SITE_HOSTS = "*.atlassian.net,*.jira.com,http://127.0.0.1:*"
APP_KEY = "io.harness.sei.jira-connect"
_TENANT_COLUMNS = {
    "tenants": "id",
    "installations": "tenant_id",
    "credentials": "tenant_id",
    "spent_tokens": "NULL::uuid",
}
"""Tables that a lifecycle call may touch, with the expression of a row's tenant."""
_TRACES = (b"Traceback", b'File "', b"sqlalchemy", b"psycopg", b"werkzeug", b"jwt.exceptions")
ABSENT: Any = object()
"""An override that removes a field; None would send null."""


@dataclass(frozen=True)
class Customer:
    """A Jira site, known to the app or not."""

    client_key: str
    secret: str
    base_url: str


@dataclass(frozen=True)
class Reply:
    """A response, byte for byte."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    seconds: float

    def json(self) -> Any:
        return json.loads(self.body)


class StoredSite(NamedTuple):
    """The app's rows of a client key, with decrypted secrets."""

    tenant_id: str
    state: str
    base_url: str
    purge_after: datetime | None
    lifecycle_at: int
    account_id: str | None
    installation_id: str | None
    sealed_secret: str | None
    secret: str | None
    previous: str | None


class Tables:
    """The tables, read with the owner's rights."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self._vault = Vault([b"k" * 32])

    def rows(self, *, besides: str | None = None) -> dict[str, set[tuple[Any, ...]]]:
        """Every row that a lifecycle call may touch, except one tenant's: the tenant's id, and the row as text."""
        # As text, since a client that parses each value takes longer than everything else in most tests.
        query = " UNION ALL ".join(
            f"SELECT '{table}', {column}::text, t::text FROM {table} t"
            f" WHERE %(tenant)s::uuid IS NULL OR {column} IS DISTINCT FROM %(tenant)s::uuid"
            for table, column in _TENANT_COLUMNS.items()
        )
        rows_of: dict[str, set[tuple[Any, ...]]] = {table: set() for table in _TENANT_COLUMNS}
        for table, *row in self.connection.execute(query.encode(), {"tenant": besides}):
            rows_of[table].add(tuple(row))
        return rows_of

    def fingerprints(self, tables: Iterable[str] = tuple(_TENANT_COLUMNS)) -> dict[str, tuple[int, int]]:
        """Number and sum of the hashes of each table's rows; PostgreSQL makes them in half the time of a copy."""
        query = " UNION ALL ".join(
            f"SELECT '{table}', count(*), coalesce(sum(hash_record_extended(t, 0)), 0)::text FROM {table} t"
            for table in tables
        )
        rows = self.connection.execute(query.encode()).fetchall()
        return {table: (count, int(hash_sum)) for table, count, hash_sum in rows}

    def of(self, client_key: str) -> StoredSite | None:
        rows = self.connection.execute(
            "SELECT t.id, t.state, t.base_url, t.purge_after, i.lifecycle_at, i.account_id, i.installation_id,"
            " c.sealed, c.previous_sealed FROM installations i JOIN tenants t ON t.id = i.tenant_id"
            " LEFT JOIN credentials c ON c.tenant_id = t.id WHERE i.client_key = %s",
            (client_key,),
        ).fetchall()
        assert len(rows) <= 1, rows
        if not rows:
            return None
        *plain, sealed_secret, previous = rows[0]
        tenant_id = str(plain[0])
        plaintexts = (self._opened(tenant_id, sealed_secret), self._opened(tenant_id, previous))
        return StoredSite(tenant_id, *plain[1:], sealed_secret, *plaintexts)

    def _opened(self, tenant_id: str, ciphertext: str | None) -> str | None:
        return ciphertext and self._vault.open(ciphertext, owner=tenant_id, purpose="shared_secret")

    def install_key_count(self) -> int:
        """The number of cached install keys."""
        return self.count("install_keys")

    def count(self, table: str) -> int:
        row = self.connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(row[0]) if row else 0


@dataclass
class Scene:
    """The app, its database, Atlassian, the key host, and the secrets of invented sites."""

    app: RunningApp
    tables: Tables
    atlassian: Atlassian
    key_host: HttpKeyHost
    made_secrets: set[str] = field(default_factory=set)
    _log_read: int = 0

    # Sites

    def new_site(self, **overrides: str) -> Customer:
        """A site unknown to the app."""
        values = {
            "client_key": f"ck-{secrets.token_hex(12)}",
            "secret": secrets.token_urlsafe(48),
            "base_url": f"https://{secrets.token_hex(6)}.atlassian.net",
        }
        customer = Customer(**(values | overrides))
        self.made_secrets.add(customer.secret)
        return customer

    def installed_site(self, **overrides: str) -> Customer:
        """A site that installed the app over HTTP."""
        site = self.new_site(**overrides)
        self.must("installed", site)
        return site

    def rotated(self, site: Customer) -> Customer:
        """The same site with a new secret, unknown to the app."""
        return self.new_site(client_key=site.client_key, base_url=site.base_url)

    # Lifecycle

    def must(self, hook: str, site: Customer, **overrides: Any) -> None:
        reply = self.lifecycle(hook, site, **overrides)
        assert reply.status == 204, (hook, reply.status, reply.body)

    def lifecycle(self, hook: str, site: Customer, **overrides: Any) -> Reply:
        """Send `installed` or `uninstalled` as Atlassian does, apart from the overrides."""
        return self.deliver(hook, self.letter(hook, site, **overrides))

    def deliver(self, hook: str, letter: Mapping[str, Any]) -> Reply:
        """Send a letter to its hook, or to its own target."""
        return self.send(**{"method": "POST", "target": f"/connect/{hook}", **letter})

    def letter(
        self,
        hook: str,
        site: Customer,
        *,
        claims: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | bytes | None = None,
        token: str | None = None,
    ) -> dict[str, Any]:
        """Headers and body of a hook, with overrides."""
        # Without a `jti`, two calls in one second would have the same token.
        claim_values = {"jti": secrets.token_hex(8), **(claims or {})}
        token = token or self.atlassian.lifecycle_token(
            f"/connect/{hook}", site.client_key, self.app.url, **claim_values
        )
        raw = body if isinstance(body, bytes) else json.dumps(self.body(hook, site, **(body or {}))).encode()
        return {"headers": [("Authorization", f"JWT {token}")], "body": raw}

    def switch(self, hook: str, site: Customer, *, secret: str | None = None, **claims: Any) -> Reply:
        """`enabled` or `disabled`, signed with the shared secret."""
        token = self.atlassian.shared_secret_token(
            "POST", f"/connect/{hook}", site.client_key, secret or site.secret, **claims
        )
        return self.deliver(hook, self.letter(hook, site, token=token))

    def body(self, hook: str, site: Customer, **override: Any) -> dict[str, Any]:
        """Jira's body of a hook; only `installed` has the secret."""
        fields = {
            "key": APP_KEY,
            "clientKey": site.client_key,
            "sharedSecret": site.secret if hook == "installed" else ABSENT,
            "publicKey": "MIGf…",
            "serverVersion": "100310",
            "pluginsVersion": "1001.0.0-SNAPSHOT",
            "baseUrl": site.base_url,
            "displayUrl": site.base_url,
            "productType": "jira",
            "description": "Acme Jira",
            "eventType": hook,
            **override,
        }
        return {name: value for name, value in fields.items() if value is not ABSENT}

    # Pages

    def page(self, site: Customer, secret: str | None = None, **claims: Any) -> Reply:
        """Load the page in the frame as an administrator."""
        target = "/jira/configuration?xdm_e=x"
        token = self.atlassian.shared_secret_token(
            "GET", target, site.client_key, secret or site.secret, sub="admin-1", **claims
        )
        return self.send("GET", f"{target}&jwt={token}")

    def pairing(self, site: Customer, method: str = "GET", payload: Any = None, **claims: Any) -> Reply:
        """Call the page's own endpoint."""
        token = self.atlassian.context_token(site.client_key, site.secret, "admin-1", **claims)
        headers = [("Authorization", f"JWT {token}"), ("Content-Type", "application/json")]
        return self.send(
            method, "/jira/pairing", headers=headers, body=json.dumps(payload).encode() if payload else b""
        )

    # The wire

    def send(
        self, method: str, target: str, headers: Headers = (), body: bytes = b"", *, base: str = BASE_PATH
    ) -> Reply:
        """Send one request with its target unchanged."""
        start = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.app.port, timeout=40)
        try:
            connection.putrequest(method, f"{base}{target}", skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return Reply(answer.status, answer.headers, answer.read(), time.monotonic() - start)
        finally:
            connection.close()

    # Checks

    def check_plain(self, reply: Reply, *secret_parts: str) -> None:
        """Check for the absence of stack traces, secrets, cookies and redirects."""
        for trace in _TRACES:
            assert trace not in reply.body, reply.body
        for part in (*secret_parts, "k" * 32):
            assert part.encode() not in reply.body, reply.body
        assert "Location" not in reply.headers
        assert "Set-Cookie" not in reply.headers
        if reply.status == 401:
            problem = {"type": "about:blank", "title": "Authentication failed", "status": 401}
            assert reply.json() == {**problem, "detail": "Authentication failed."}
            assert reply.headers["WWW-Authenticate"]
        if reply.status >= 400:
            assert reply.headers["Content-Type"] == "application/problem+json"

    def check_log(self) -> None:
        """Check the new part of the log for secrets, tokens and unexpected errors."""
        with Path(self.app.log).open("rb") as file:
            file.seek(self._log_read)
            log = file.read()
        self._log_read += len(log)
        assert b"unexpected" not in log, log[-4000:].decode(errors="replace")
        assert b"Traceback" not in log, log[-4000:].decode(errors="replace")
        assert not [secret for secret in self.made_secrets if secret.encode() in log]
        assert b"eyJ" not in log

    def warm_up(self) -> None:
        """Let the app fetch the key, which it caches for all its processes."""
        self.must("uninstalled", self.new_site())

    def web_processes(self) -> int:
        pid = self.app.processes["web"].pid
        return len(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())

    def origin(self) -> str:
        parts = urlsplit(self.app.url)
        return f"{parts.scheme}://{parts.netloc}"
