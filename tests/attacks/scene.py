"""What an attack works with: sites to speak for, an exact wire to the app, and eyes in its database."""

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
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import psycopg

    from tests.fakes.atlassian import Atlassian
    from tests.fakes.key_host import HttpKeyHost
    from tests.story.processes import RunningApp

    Headers = Sequence[tuple[str, str]]

BASE_PATH = "/base"
SITE_HOSTS = "*.atlassian.net,*.jira.com,http://127.0.0.1:*"
APP_KEY = "io.harness.sei.jira-connect"
_WATCHED = ("tenants", "installations", "credentials", "spent_tokens")
_TRACES = (b"Traceback", b'File "', b"sqlalchemy", b"psycopg", b"werkzeug", b"jwt.exceptions")
ABSENT: Any = object()
"""An override that takes a field away, where None would say null."""


@dataclass(frozen=True)
class Customer:
    """A Jira site, known to the app or not."""

    client_key: str
    secret: str
    base_url: str


@dataclass(frozen=True)
class Reply:
    """What came back, byte for byte."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    seconds: float

    def json(self) -> Any:
        return json.loads(self.body)


class Held(NamedTuple):
    """What the app keeps of a client key, with its secrets opened."""

    tenant_id: str
    state: str
    base_url: str
    purge_after: datetime | None
    lifecycle_at: int
    account_id: str | None
    installation_id: str | None
    sealed: str | None
    secret: str | None
    previous: str | None


class Tables:
    """The tables as their owner sees them."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self._vault = Vault([b"k" * 32])

    def rows(self, *, besides: str | None = None) -> dict[str, set[tuple[Any, ...]]]:
        """Every row of every table that a lifecycle call may touch, but for one tenant's."""
        found = {}
        for table in _WATCHED:
            column = {"tenants": "id", "spent_tokens": "NULL::uuid"}.get(table, "tenant_id")
            query = f"SELECT * FROM {table} WHERE %s::uuid IS NULL OR {column} IS DISTINCT FROM %s::uuid"
            found[table] = set(self.connection.execute(query, (besides, besides)).fetchall())
        return found

    def of(self, client_key: str) -> Held | None:
        found = self.connection.execute(
            "SELECT t.id, t.state, t.base_url, t.purge_after, i.lifecycle_at, i.account_id, i.installation_id,"
            " c.sealed, c.previous_sealed FROM installations i JOIN tenants t ON t.id = i.tenant_id"
            " LEFT JOIN credentials c ON c.tenant_id = t.id WHERE i.client_key = %s",
            (client_key,),
        ).fetchall()
        assert len(found) <= 1, found
        if not found:
            return None
        *plain, sealed, previous = found[0]
        tenant_id = str(plain[0])
        return Held(tenant_id, *plain[1:], sealed, self._opened(tenant_id, sealed), self._opened(tenant_id, previous))

    def _opened(self, tenant_id: str, sealed: str | None) -> str | None:
        return sealed and self._vault.open(sealed, owner=tenant_id, purpose="shared_secret")

    def shelved(self) -> int:
        """How many install keys are kept."""
        return self.count("install_keys")

    def count(self, table: str) -> int:
        found = self.connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(found[0]) if found else 0


@dataclass
class Scene:
    """The app, its database, Atlassian and the key host; and the sites that were made up so far."""

    app: RunningApp
    tables: Tables
    atlassian: Atlassian
    key_host: HttpKeyHost
    made_secrets: set[str] = field(default_factory=set)
    _log_read: int = 0

    # Sites

    def new_site(self, **given: str) -> Customer:
        """A site that the app has not heard of."""
        values = {
            "client_key": f"ck-{secrets.token_hex(12)}",
            "secret": secrets.token_urlsafe(48),
            "base_url": f"https://{secrets.token_hex(6)}.atlassian.net",
        }
        made = Customer(**(values | given))
        self.made_secrets.add(made.secret)
        return made

    def installed_site(self, **given: str) -> Customer:
        """A site that installed the app over HTTP."""
        site = self.new_site(**given)
        self.must("installed", site)
        return site

    def rotated(self, site: Customer) -> Customer:
        """The same site with a secret that the app has not been told."""
        return self.new_site(client_key=site.client_key, base_url=site.base_url)

    # Lifecycle

    def must(self, hook: str, site: Customer, **given: Any) -> None:
        reply = self.lifecycle(hook, site, **given)
        assert reply.status == 204, (hook, reply.status, reply.body)

    def lifecycle(self, hook: str, site: Customer, **given: Any) -> Reply:
        """`installed` or `uninstalled` as Atlassian sends it, or nearly."""
        return self.deliver(hook, self.letter(hook, site, **given))

    def deliver(self, hook: str, letter: Mapping[str, Any]) -> Reply:
        """Send a letter to its hook, or wherever it says."""
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
        # A `jti`, since two calls of one second would otherwise be one token.
        given = {"jti": secrets.token_hex(8), **(claims or {})}
        token = token or self.atlassian.lifecycle_token(f"/connect/{hook}", site.client_key, self.app.url, **given)
        raw = body if isinstance(body, bytes) else json.dumps(self.body(hook, site, **(body or {}))).encode()
        return {"headers": [("Authorization", f"JWT {token}")], "body": raw}

    def switch(self, hook: str, site: Customer, *, secret: str | None = None, **claims: Any) -> Reply:
        """`enabled` or `disabled`, signed with the shared secret."""
        token = self.atlassian.shared_secret_token(
            "POST", f"/connect/{hook}", site.client_key, secret or site.secret, **claims
        )
        return self.deliver(hook, self.letter(hook, site, token=token))

    def body(self, hook: str, site: Customer, **override: Any) -> dict[str, Any]:
        """What Jira sends with a hook; only `installed` brings the secret."""
        given = {
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
        return {name: value for name, value in given.items() if value is not ABSENT}

    # Pages

    def page(self, site: Customer, secret: str | None = None) -> Reply:
        """The page in the frame, loaded by an administrator."""
        target = "/jira/configuration?xdm_e=x"
        token = self.atlassian.shared_secret_token("GET", target, site.client_key, secret or site.secret, sub="admin-1")
        return self.send("GET", f"{target}&jwt={token}")

    def pairing(self, site: Customer, method: str = "GET", payload: Any = None) -> Reply:
        """The page's own call."""
        token = self.atlassian.context_token(site.client_key, site.secret, "admin-1")
        headers = [("Authorization", f"JWT {token}"), ("Content-Type", "application/json")]
        return self.send(
            method, "/jira/pairing", headers=headers, body=json.dumps(payload).encode() if payload else b""
        )

    # The wire

    def send(
        self, method: str, target: str, headers: Headers = (), body: bytes = b"", *, base: str = BASE_PATH
    ) -> Reply:
        """One request whose target nobody tidies."""
        started = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.app.port, timeout=40)
        try:
            connection.putrequest(method, f"{base}{target}", skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return Reply(answer.status, answer.headers, answer.read(), time.monotonic() - started)
        finally:
            connection.close()

    # Checks

    def check_plain(self, reply: Reply, *secret_parts: str) -> None:
        """The answer tells nothing: no stack trace, no secret, no cookie, no redirect."""
        for trace in _TRACES:
            assert trace not in reply.body, reply.body
        for part in (*secret_parts, "k" * 32):
            assert part.encode() not in reply.body, reply.body
        assert "Location" not in reply.headers
        assert "Set-Cookie" not in reply.headers
        if reply.status == 401:
            expected = {"type": "about:blank", "title": "Authentication failed", "status": 401}
            assert reply.json() == {**expected, "detail": "Authentication failed."}
            assert reply.headers["WWW-Authenticate"]
        if reply.status >= 400:
            assert reply.headers["Content-Type"] == "application/problem+json"

    def check_log(self) -> None:
        """Nothing in the log since the last look is a secret, a token or an accident."""
        log = Path(self.app.log).read_bytes()[self._log_read :]
        self._log_read += len(log)
        assert b"unexpected" not in log, log[-4000:].decode(errors="replace")
        assert b"Traceback" not in log, log[-4000:].decode(errors="replace")
        assert not [secret for secret in self.made_secrets if secret.encode() in log]
        assert b"eyJ" not in log

    def warm_up(self) -> None:
        """Let the app fetch the key, which it keeps for all its processes."""
        self.must("uninstalled", self.new_site())

    def web_processes(self) -> int:
        pid = self.app.processes["web"].pid
        return len(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())

    def origin(self) -> str:
        parts = urlsplit(self.app.url)
        return f"{parts.scheme}://{parts.netloc}"
