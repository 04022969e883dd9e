"""Ground to attack from: a sandbox site that has the app, what it was asked, and the rows that must not move."""

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
from app.integrations import accounts
from sandbox import Site, SiteKey, serve
from sandbox.connect.installation import Installation
from tests.attacks.scene import BASE_PATH, SITE_HOSTS, Customer, Reply
from tests.conftest import a_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
"""Tables that a request may change."""
_TRACES = (b"Traceback", b'File "', b"sqlalchemy", b"psycopg", b"werkzeug", b"jwt.exceptions", b"SELECT", b"INSERT")


class Wire(NamedTuple):
    """A REST request as it reached a site."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def token(self) -> str:
        return self.headers["Authorization"].removeprefix("JWT ")


@dataclass
class Ground:
    """One sandbox site with the app on it."""

    scene: Scene
    site: Site
    key: str
    """Of an SEI account of its own: what one account may do a minute is counted."""
    seen: list[Wire] = field(default_factory=list)
    fault: Fault | None = None

    # What reaches the site

    def note(self, method: str, _template: str, _path: str) -> Fault | None:
        """The sandbox's fault hook: keeps what was admitted, and gives whatever fault is asked for."""
        environ = asked_of_sandbox.environ
        target = str(environ.get("REQUEST_URI") or environ["RAW_URI"])
        self.seen.append(Wire(method, target, dict(asked_of_sandbox.headers), asked_of_sandbox.get_data()))
        return self.fault

    def checks(self) -> list[str | None]:
        """Whose permissions Jira was asked for."""
        return [json.loads(each.body).get("accountId") for each in self.seen if each.target == CHECK]

    # Tokens

    def page(self, target: str = PAGE, person: str | None = "", **claims: Any) -> str:
        return self.site.page_token(target, self.site.admin if person == "" else person, **claims)

    def context(self, person: str | None = "", **claims: Any) -> str:
        return self.site.context_token(self.site.admin if person == "" else person, **claims)

    # Requests

    def load(self, target: str = PAGE, token: str | None = None, **given: Any) -> Reply:
        """A page, as the frame loads it."""
        joint = "&" if "?" in target else "?"
        return self.send("GET", f"{target}{joint}jwt={self.page(target) if token is None else token}", **given)

    def ask(self, method: str = "GET", payload: Any = None, token: str | None = None, kind: str = JSON) -> Reply:
        """The page's script."""
        body = payload if isinstance(payload, bytes) else b"" if payload is None else json.dumps(payload).encode()
        headers = [
            ("Authorization", f"JWT {self.context() if token is None else token}"),
            *([("Content-Type", kind)] if kind else []),
        ]
        return self.send(method, PAIRING, headers, body)

    def paste(self, otp: str, token: str | None = None, **more: Any) -> Reply:
        return self.ask("POST", {"otp": otp, **more}, token)

    def deliver(self, event: str, body: Any = None, *, name: str = "", retry: int | None = None) -> Reply:
        """A webhook as Jira sends it."""
        target = f"/connect/webhooks/{event}"
        raw = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        headers = [("Authorization", f"JWT {self.site.webhook_token(target)}"), ("Content-Type", JSON)]
        headers.append(("X-Atlassian-Webhook-Identifier", name or secrets.token_hex(8)))
        headers += [("X-Atlassian-Webhook-Retry", str(retry))] if retry else []
        return self.send("POST", target, headers, raw)

    def api(self, method: str, target: str, payload: Any = None) -> Reply:
        """SEI's API, with the key of the ground's own account."""
        body = b"" if payload is None else json.dumps(payload).encode()
        return self.send(method, target, [("Authorization", f"Bearer {self.key}"), ("Content-Type", JSON)], body)

    def administers(self, *people: str) -> None:
        """From now on these administer the site, and nobody else."""
        self.site.world.catalogue.administrators = frozenset(people)

    def send(
        self, method: str, target: str, headers: Sequence[tuple[str, str]] = (), body: bytes = b"", host: str = ""
    ) -> Reply:
        return send(self.scene.app, method, target, headers, body, host=host)

    # Pairing

    def otp(self) -> tuple[str, str]:
        """An integration and its one-time password."""
        draft = {"name": f"grounds {secrets.token_hex(4)}", "product": "jira_cloud", "method": "connect_app"}
        made = self.api("POST", API, draft)
        assert made.status == 201, made.body
        integration = str(made.json()["id"])
        return integration, self.otp_of(integration)

    def otp_of(self, integration: str) -> str:
        minted = self.api("POST", f"{API}/{integration}/otp")
        assert minted.status == 201, minted.body
        otp = str(minted.json()["otp"])
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
        held = self.scene.tables.of(self.site.client_key)
        assert held is not None
        return held.tenant_id

    def inbox(self) -> list[tuple[str, str, Any]]:
        """What Jira delivered; rows of our own sweeps lie there too."""
        return self.scene.tables.connection.execute(
            "SELECT delivery_id, event, body FROM inbox WHERE tenant_id = %s AND origin = 'webhook' ORDER BY received_at",
            (self.tenant_id,),
        ).fetchall()

    def rows(self) -> dict[str, list[str]]:
        """Every row of every table that a request may change, as text."""
        return {
            table: sorted(
                str(row[0]) for row in self.scene.tables.connection.execute(f"SELECT t::text FROM {table} t").fetchall()
            )
            for table in MOVABLE
        }

    @contextlib.contextmanager
    def unmoved(self, asked: int | None = 0) -> Iterator[None]:
        """Nothing in the tables changes meanwhile; the site is asked so many times (None: however often)."""
        before, reached = self.rows(), self.site.traffic.requests
        yield
        after = self.rows()
        moved = {name: set(after[name]) ^ set(before[name]) for name in before if after[name] != before[name]}
        assert moved == {}, moved
        if asked is not None:
            count = self.site.traffic.requests - reached
            assert count == asked, (count, asked)


@contextlib.contextmanager
def a_ground(scene: Scene, *, secret: str | None = None, issues: int = 1) -> Iterator[Ground]:
    """A site of its own that installed the app; with a given secret where two sites shall share one."""
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
    """Install with a secret of our choice, which the sandbox would draw."""
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
    with (
        a_runtime(scene.app.env["DATABASE_URL"], scene.app.env["REDIS_URL"]) as parts,
        parts.store.unrestricted_unsafe() as session,
    ):
        key = accounts.create(session, f"account-{secrets.token_hex(6)}")
    scene.made_secrets.add(key)
    return key


@contextlib.contextmanager
def a_runtime(database_url: str, redis_url: str, **given: Any) -> Iterator[Runtime]:
    """The app's parts in this process, on the servers of the app under attack."""
    values = {"base_url": f"http://127.0.0.1{BASE_PATH}", "site_hosts": tuple(SITE_HOSTS.split(","))}
    parts = runtime.assemble(a_settings(**(values | given)), database_url=database_url, redis_url=redis_url)
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
    """One request whose target nobody tidies, under whatever host it says."""
    started = time.monotonic()
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
        return Reply(answer.status, answer.headers, answer.read(), time.monotonic() - started)
    finally:
        connection.close()


def next_second() -> None:
    """Wait for the clock's next second: tokens and lifecycle calls are dated in whole ones."""
    time.sleep(1 - time.time() % 1)


# What an answer may look like

_EVERYWHERE = {
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store, no-cache",
}
_NOBODY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_PAGE_OF_NOBODY = _NOBODY.replace("default-src 'none'", "default-src 'none'; style-src 'self'")
_CONSOLE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def page_policy(site: str) -> str:
    """The policy of a page in one site's frame, which here also serves Atlassian's script."""
    return (
        f"default-src 'none'; script-src 'self' {site}; style-src 'self' {site}; img-src 'self' data:;"
        f" connect-src 'self'; frame-ancestors {site}; base-uri 'none'; form-action 'none'; object-src 'none'"
    )


def check_headers(reply: Reply, kind: str, site: str = "") -> None:
    """The headers of a class of answers, exactly: `page` of a proven site, `stranger` for pages of none, `api`, `console`."""
    wanted: dict[str, str | None] = {**_EVERYWHERE, "X-Frame-Options": "DENY", "Content-Security-Policy": _NOBODY}
    if kind == "page":
        wanted |= {"X-Frame-Options": None, "Content-Security-Policy": page_policy(site)}
    elif kind == "stranger":
        wanted |= {"X-Frame-Options": None, "Content-Security-Policy": _PAGE_OF_NOBODY}
    elif kind == "console":
        wanted |= {"Content-Security-Policy": _CONSOLE}
    for name, value in wanted.items():
        found = reply.headers.get_all(name)
        assert found == (None if value is None else [value]), (kind, name, found)
    odd = [name for name in reply.headers if name.lower().startswith("access-control-")]
    assert odd == []
    if kind != "console":
        assert "Set-Cookie" not in reply.headers
        assert "Location" not in reply.headers


def check_refused(reply: Reply, status: int, kind: str, site: str = "", *unwanted: str) -> None:
    """A refusal in the form of its class, that says nothing about why or about us."""
    assert reply.status == status, (reply.status, reply.body)
    check_headers(reply, kind, site)
    for trace in _TRACES:
        assert trace not in reply.body, reply.body
    for part in (*unwanted, "k" * 32):
        assert part.encode() not in reply.body
    is_person = kind in {"page", "stranger", "console"}
    wanted = "text/html; charset=utf-8" if is_person else "application/problem+json"
    assert reply.headers["Content-Type"] == wanted
    if status == 401:
        assert reply.headers["WWW-Authenticate"]
        if is_person:
            assert b"Your session has ended, or this page was not opened from Jira." in reply.body
        else:
            told = {"type": "about:blank", "title": "Authentication failed", "status": 401}
            assert reply.json() == {**told, "detail": "Authentication failed."}
    if status in {429, 503}:
        assert int(reply.headers["Retry-After"]) > 0
        assert reply.body.count(b"Try again") <= 1, reply.body


# Workers, in this process


@dataclass
class Workers:
    """Does for one site what the workers would: the first filling, and the reading again of what deliveries name."""

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
        """Hands, until nothing waits."""
        for _ in range(rounds):
            hand = BackfillWorker(self.parts.store, self.parts.sites, self.tenant_id, 4, 4)
            try:
                if hand.work(until=clock.now() + timedelta(seconds=20)) == "done":
                    return
            except JiraRefused:
                # As the wrapper of every job does.
                parking.confirm(self.parts.store, self.parts.sites, self.tenant_id)
        raise AssertionError("the work does not end")

    def drain(self) -> int:
        """All waiting deliveries, and what our own sweeps want read again. Returns how many deliveries of Jira's there were."""
        handled = [0, 0]
        for own in (False, True):
            drain = Drain(self.parts.store, self.parts.sites.open(self.tenant_id), self.tenant_id, own)
            while done := drain.once():
                handled[own] += done
        self.work()
        return handled[False]
