"""A sandbox site with the app installed, the requests it received, and the rows that must not change."""

from __future__ import annotations

import contextlib
import http.client
import json
import secrets
import time
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from flask import request as asked_of_sandbox

from app import clock, runtime
from app.errors import JiraRefused
from app.ingest.backfill.worker import BackfillWorker
from app.ingest.live.drain import Drain
from app.ingest.planning import plan
from app.ingest.proof import parking
from app.sources.cloud.source import CloudSource
from sandbox import Site, SiteKey, serve
from sandbox.connect.installation import Installation
from tests.attacks.scene import BASE_PATH, SITE_HOSTS, Customer, Reply
from tests.conftest import a_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.jira.client import Site as JiraSite
    from app.runtime import Runtime
    from sandbox import Fault
    from tests.attacks.scene import Scene
    from tests.story.processes import RunningApp

JSON = "application/json"
CHECK = "/rest/api/3/permissions/check"
PAGE = "/jira/configuration?xdm_e=x&lic=none"
PAIRING = "/jira/pairing"
API = "/api/v1/integrations"
CONSOLE = "/console"
MOVABLE = (
    *("accounts", "api_keys", "tenants", "installations", "credentials", "spent_tokens"),
    *("integrations", "redemptions", "chunks", "inbox"),
)
"""Tables that requests may change."""
_TRACES = (b"Traceback", b'File "', b"sqlalchemy", b"psycopg", b"werkzeug", b"jwt.exceptions", b"SELECT", b"INSERT")


class Wire(NamedTuple):
    """A REST request, as received by a site."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def token(self) -> str:
        return self.headers["Authorization"].removeprefix("JWT ")


@dataclass
class Ground:
    """A sandbox site with the app installed."""

    scene: Scene
    site: Site
    key: str
    """The API key of a separate SEI account, since accounts have rate limits."""
    wires: list[Wire] = field(default_factory=list)
    fault: Fault | None = None

    # Requests to the site

    def note(self, method: str, _template: str, _path: str) -> Fault | None:
        """The sandbox's fault hook: records the request and returns the current fault."""
        environ = asked_of_sandbox.environ
        target = str(environ.get("REQUEST_URI") or environ["RAW_URI"])
        self.wires.append(Wire(method, target, dict(asked_of_sandbox.headers), asked_of_sandbox.get_data()))
        return self.fault

    def checks(self) -> list[str | None]:
        """Account ids of the permission checks that Jira received."""
        return [json.loads(wire.body).get("accountId") for wire in self.wires if wire.target == CHECK]

    # Tokens

    def page(self, target: str = PAGE, person: str | None = "", **claims: Any) -> str:
        return self.site.page_token(target, self.site.admin if person == "" else person, **claims)

    def context(self, person: str | None = "", **claims: Any) -> str:
        return self.site.context_token(self.site.admin if person == "" else person, **claims)

    # Requests

    def load(self, target: str = PAGE, token: str | None = None, **options: Any) -> Reply:
        """Load a page like the frame does."""
        joint = "&" if "?" in target else "?"
        return self.send("GET", f"{target}{joint}jwt={self.page(target) if token is None else token}", **options)

    def ask(self, method: str = "GET", payload: Any = None, token: str | None = None, kind: str = JSON) -> Reply:
        """Send a request like the page's script does."""
        body = payload if isinstance(payload, bytes) else b"" if payload is None else json.dumps(payload).encode()
        headers = [
            ("Authorization", f"JWT {self.context() if token is None else token}"),
            *([("Content-Type", kind)] if kind else []),
        ]
        return self.send(method, PAIRING, headers, body)

    def paste(self, otp: str, token: str | None = None, **fields: Any) -> Reply:
        return self.ask("POST", {"otp": otp, **fields}, token)

    def deliver(self, event: str, body: Any = None, *, name: str = "", retry: int | None = None) -> Reply:
        """Send a webhook like Jira does."""
        target = f"/connect/webhooks/{event}"
        raw = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        headers = [("Authorization", f"JWT {self.site.webhook_token(target)}"), ("Content-Type", JSON)]
        headers.append(("X-Atlassian-Webhook-Identifier", name or secrets.token_hex(8)))
        headers += [("X-Atlassian-Webhook-Retry", str(retry))] if retry else []
        return self.send("POST", target, headers, raw)

    def api(self, method: str, target: str, payload: Any = None) -> Reply:
        """Call SEI's API with the key of the ground's account."""
        body = b"" if payload is None else json.dumps(payload).encode()
        return self.send(method, target, [("Authorization", f"Bearer {self.key}"), ("Content-Type", JSON)], body)

    def administers(self, *people: str) -> None:
        """Make these people the only administrators of the site."""
        self.site.world.catalogue.administrators = frozenset(people)

    def send(
        self, method: str, target: str, headers: Sequence[tuple[str, str]] = (), body: bytes = b"", host: str = ""
    ) -> Reply:
        return send(self.scene.app, method, target, headers, body, host=host)

    # Pairing

    def otp(self) -> tuple[str, str]:
        """Create an integration. Returns its id and one-time password."""
        draft = {"name": f"grounds {secrets.token_hex(4)}", "product": "jira_cloud", "method": "connect_app"}
        reply = self.api("POST", API, draft)
        assert reply.status == 201, reply.body
        integration = str(reply.json()["id"])
        return integration, self.otp_of(integration)

    def otp_of(self, integration: str) -> str:
        reply = self.api("POST", f"{API}/{integration}/otp")
        assert reply.status == 201, reply.body
        otp = str(reply.json()["otp"])
        self.scene.made_secrets.add(otp)
        return otp

    def pair(self) -> str:
        integration, otp = self.otp()
        reply = self.paste(otp)
        assert reply.status == 200, reply.body
        return integration

    def state_of(self, integration: str) -> str:
        return str(self.api("GET", f"{API}/{integration}").json()["state"])

    # Effects

    @property
    def customer(self) -> Customer:
        return Customer(self.site.client_key, self.site.shared_secret, self.site.base_url)

    @property
    def tenant_id(self) -> str:
        record = self.scene.tables.of(self.site.client_key)
        assert record is not None
        return record.tenant_id

    def inbox(self) -> list[tuple[str, str, Any]]:
        """Jira's deliveries, without the rows of our own sweeps."""
        return self.scene.tables.connection.execute(
            "SELECT delivery_id, event, body FROM inbox WHERE tenant_id = %s AND origin = 'webhook' ORDER BY received_at",
            (self.tenant_id,),
        ).fetchall()

    def fingerprints(self) -> dict[str, tuple[int, int]]:
        """The fingerprints of all tables that requests may change."""
        return self.scene.tables.fingerprints(MOVABLE)

    @contextlib.contextmanager
    def unmoved(self, request_count: int | None = 0) -> Iterator[None]:
        """Check that no row changes meanwhile and that the site gets `request_count` requests (None: any number)."""
        before, requests_before = self.fingerprints(), self.site.traffic.requests
        yield
        assert self.fingerprints() == before
        if request_count is not None:
            count = self.site.traffic.requests - requests_before
            assert count == request_count, (count, request_count)


@contextlib.contextmanager
def a_ground(scene: Scene, *, secret: str | None = None, issues: int = 1) -> Iterator[Ground]:
    """A new site with the app installed; `secret` lets two sites share one."""
    key = SiteKey(scene.atlassian.kid, scene.atlassian.private_key)
    site = Site(dataset="seeded", seed=secrets.randbelow(1000), issues=issues, projects=1, key=key)
    site.lifecycle.app_url = scene.app.url
    with serve(site) as url:
        if secret is None:
            site.install()
        else:
            install_with(scene, site, url, secret)
        scene.made_secrets.add(site.shared_secret)
        ground = Ground(scene, site, an_account(scene))
        site.options.fault_hook = ground.note
        yield ground


def install_with(scene: Scene, site: Site, url: str, secret: str) -> None:
    """Install with a chosen secret instead of a random one."""
    customer = scene.new_site(client_key=site.client_key, secret=secret, base_url=url)
    scene.must("installed", customer)
    site.lifecycle.state = replace(
        Installation(client_key=site.client_key),
        shared_secret=secret,
        is_installed=True,
        is_enabled=True,
        descriptor=site.lifecycle.fetch(),
    )


def an_account(scene: Scene) -> str:
    """The API key of a new SEI account."""
    key = scene.app.an_account(f"account-{secrets.token_hex(6)}")
    scene.made_secrets.add(key)
    return key


@contextlib.contextmanager
def a_runtime(database_url: str, redis_url: str, **overrides: Any) -> Iterator[Runtime]:
    """The app's parts in this process, on the servers of the app under attack."""
    values = {"base_url": f"http://127.0.0.1{BASE_PATH}", "site_hosts": tuple(SITE_HOSTS.split(","))}
    parts = runtime.assemble(a_settings(**(values | overrides)), database_url=database_url, redis_url=redis_url)
    yield parts
    parts.store.engine.dispose()
    parts.redis.close()


def send(
    app: RunningApp,
    method: str,
    target: str,
    headers: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
    *,
    host: str = "",
    base: str = BASE_PATH,
) -> Reply:
    """Send one request with its target and host unchanged."""
    start = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=40)
    try:
        connection.putrequest(method, f"{base}{target}", skip_host=bool(host), skip_accept_encoding=True)
        if host:
            connection.putheader("Host", host)
        for name, value in headers:
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return Reply(answer.status, answer.headers, answer.read(), time.monotonic() - start)
    finally:
        connection.close()


def next_second() -> None:
    """Wait for the clock's next second, the resolution of tokens and lifecycle calls."""
    time.sleep(1 - time.time() % 1)


# The form of answers

_HEADERS = {
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store, no-cache",
}
_STRICT_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_STRANGER_POLICY = _STRICT_POLICY.replace("default-src 'none'", "default-src 'none'; style-src 'self'")
_CONSOLE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def page_policy(site: str) -> str:
    """The policy of a page in a site's frame; the sandbox site also serves Atlassian's script."""
    return (
        f"default-src 'none'; script-src 'self' {site}; style-src 'self' {site}; img-src 'self' data:;"
        f" connect-src 'self'; frame-ancestors {site}; base-uri 'none'; form-action 'none'; object-src 'none'"
    )


def check_headers(reply: Reply, kind: str, site: str = "") -> None:
    """Check the exact headers of a class of answers: `page` of a proven site, `stranger` (a page of none), `api`, `console`."""
    expected_headers: dict[str, str | None] = {
        **_HEADERS,
        "X-Frame-Options": "DENY",
        "Content-Security-Policy": _STRICT_POLICY,
    }
    if kind == "page":
        expected_headers |= {"X-Frame-Options": None, "Content-Security-Policy": page_policy(site)}
    elif kind == "stranger":
        expected_headers |= {"X-Frame-Options": None, "Content-Security-Policy": _STRANGER_POLICY}
    elif kind == "console":
        expected_headers |= {"Content-Security-Policy": _CONSOLE}
    for name, value in expected_headers.items():
        values = reply.headers.get_all(name)
        assert values == (None if value is None else [value]), (kind, name, values)
    odd = [name for name in reply.headers if name.lower().startswith("access-control-")]
    assert odd == []
    if kind != "console":
        assert "Set-Cookie" not in reply.headers
        assert "Location" not in reply.headers


def check_refused(reply: Reply, status: int, kind: str, site: str = "", *secret_texts: str) -> None:
    """Check a refusal: it has the form of its class and reveals neither its reason nor our internals."""
    assert reply.status == status, (reply.status, reply.body)
    check_headers(reply, kind, site)
    for trace in _TRACES:
        assert trace not in reply.body, reply.body
    for part in (*secret_texts, "k" * 32):
        assert part.encode() not in reply.body
    is_person = kind in {"page", "stranger", "console"}
    content_type = "text/html; charset=utf-8" if is_person else "application/problem+json"
    assert reply.headers["Content-Type"] == content_type
    if status == 401:
        assert reply.headers["WWW-Authenticate"]
        if is_person:
            assert b"Your session has ended, or this page was not opened from Jira." in reply.body
        else:
            problem = {"type": "about:blank", "title": "Authentication failed", "status": 401}
            assert reply.json() == {**problem, "detail": "Authentication failed."}
    if status in {429, 503}:
        assert int(reply.headers["Retry-After"]) > 0
        assert reply.body.count(b"Try again") <= 1, reply.body


# Workers, in this process


def wire_to(parts: Runtime, tenant_id: UUID) -> JiraSite:
    """The client below a site's source, for requests that no source would send."""
    source = parts.sites.open(tenant_id)
    assert isinstance(source, CloudSource)
    return source.site


@dataclass
class Workers:
    """The workers' part for one site: the backfill and the draining of deliveries."""

    parts: Runtime
    ground: Ground

    @property
    def tenant_id(self) -> UUID:
        return UUID(self.ground.tenant_id)

    def backfill(self) -> None:
        with self.parts.store.bound_to(self.tenant_id) as session:
            plan.begin_backfill(session, site_concurrency=4)
        self.work()

    def work(self, rounds: int = 20) -> None:
        """Run backfill workers until no chunk waits."""
        for _ in range(rounds):
            worker = BackfillWorker(self.parts.store, self.parts.sites, self.tenant_id, 4, 4)
            try:
                if worker.work(until=clock.now() + timedelta(seconds=20)) == "done":
                    return
            except JiraRefused:
                # Like the wrapper of every job.
                parking.confirm(self.parts.store, self.parts.sites, self.tenant_id)
        raise AssertionError("the work does not end")

    def drain(self) -> int:
        """Drain all deliveries and the rows of our own sweeps. Returns the number of Jira's deliveries."""
        counts = [0, 0]
        for is_own in (False, True):
            drain = Drain(self.parts.store, self.parts.sites.open(self.tenant_id), self.tenant_id, is_own)
            while count := drain.once():
                counts[is_own] += count
        self.work()
        return counts[False]
