"""Cases 54 and 55: our requests to sites, their signatures and times, and forbidden destinations.

The tests go over HTTP if the app makes the call, and run in this process if they manipulate the network.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from sqlalchemy import update

from app import clock
from app.errors import JiraBusy, JiraDown, JiraFailure, JiraNonsense, JiraRefused
from app.ingest.proof import parking
from app.jira.client import INTERACTIVE, Gate, Site
from app.jira.credentials.connect_jwt import ConnectJwt
from app.jira.limits import Purpose
from app.store.schema import CHUNKS
from sandbox import Fault, serve
from sandbox import Site as SandboxSite
from sandbox.connect.query_hash import query_hash
from tests.attacks.cases import case, row
from tests.attacks.grounds import API, CHECK, Workers, a_ground, a_runtime, next_second, wire_to
from tests.factories import an_installed_site
from tests.fakes.dripping import BEGINNINGS, dripping
from tests.fakes.listener import CannedAnswer, HttpRequest, Listener, listening
from tests.fakes.proxy import Proxy, proxying
from tests.soak.truth import differences

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.runtime import Runtime
    from tests.attacks.grounds import Ground, Wire
    from tests.attacks.scene import Scene

APP_KEY = "io.harness.sei.jira-connect"
SERVER_INFO = "/rest/api/3/serverInfo"
NAMED_URL = "http://acme.jira.example"
"""Matches a pattern with a wildcard: the name is allowed, but its address must be public."""
HOSTS = ("*.atlassian.net", "http://*.jira.example:*", "https://*.jira.example:*", "http://127.0.0.1:*")


@pytest.fixture(scope="module")
def parts(attacks_database_url: str, attacks_redis_url: str, target: object) -> Iterator[Runtime]:
    with a_runtime(attacks_database_url, attacks_redis_url, site_hosts=HOSTS) as runtime_parts:
        yield runtime_parts


@pytest.fixture
def ground(scene: Scene) -> Iterator[Ground]:
    with a_ground(scene, issues=5) as new_ground:
        yield new_ground


@pytest.fixture
def jira() -> Iterator[Listener]:
    """A site that answers every request with an empty success."""
    with listening() as listener:
        listener.says = lambda _: CannedAnswer()
        yield listener


def site_at(parts: Runtime, base_url: str, secret: str = "s" * 48) -> Site:
    """A site as the app opens it, at an address that no door has checked."""
    site = an_installed_site(parts, base_url=base_url, shared_secret=secret)
    return wire_to(parts, site.tenant_id)


# 55: our signatures


@case(55)
def test_55_every_request_of_a_whole_reading(ground: Ground, parts: Runtime) -> None:
    """Pairing, backfill, deliveries, validation: each request has a short-lived token for its address; GETs have no body."""
    integration = ground.pair()
    workers = Workers(parts, ground)
    workers.backfill()
    ground.site.options.webhooks = False
    change = ground.site.mutate("update_issue")
    ground.deliver("jira.issue_updated", {"issue": {"id": change["issue_id"]}})
    ground.deliver("jira.issue_deleted", {"issue": {"id": "999999999"}})
    workers.drain()
    assert ground.api("POST", f"{API}/{integration}/validate").status == 200
    assert len({wire.target.partition("?")[0] for wire in ground.wires}) > 10
    assert {wire.method for wire in ground.wires} == {"GET", "POST"}
    for wire in ground.wires:
        check_signed(wire, ground)
    traffic = ground.site.traffic
    assert traffic.long_lived_tokens == 0
    assert traffic.early_retries == 0
    assert not {"401", "429"} & set(traffic.by_status)


def check_signed(wire: Wire, ground: Ground) -> None:
    assert wire.headers["Authorization"].startswith("JWT ")
    assert jwt.get_unverified_header(wire.token) == {"alg": "HS256", "typ": "JWT"}
    claims = jwt.decode(
        wire.token, ground.site.shared_secret, algorithms=["HS256"], audience=ground.site.client_key, leeway=5
    )
    assert claims["iss"] == APP_KEY
    assert claims["aud"] in (ground.site.client_key, [ground.site.client_key])
    assert 0 < claims["exp"] - claims["iat"] <= 180
    assert abs(claims["iat"] - time.time()) < 120
    assert "sub" not in claims
    assert "context" not in claims
    path, _, query = wire.target.partition("?")
    assert claims["qsh"] == query_hash(wire.method, path, query), wire.target
    assert "+" not in query
    if wire.method == "GET":
        assert wire.body == b""
        assert int(wire.headers.get("Content-Length", "0")) == 0
        assert "Transfer-Encoding" not in wire.headers
    else:
        assert wire.headers["Content-Type"] == "application/json"
        json.loads(wire.body)
    assert "Cookie" not in wire.headers
    assert APP_KEY in wire.headers["User-Agent"]
    assert ground.site.shared_secret not in str(wire)


@case(55)
def test_55_odd_parameters_are_hashed_as_they_are_sent(ground: Ground, parts: Runtime) -> None:
    site = wire_to(parts, Workers(parts, ground).tenant_id)
    odd: dict[str, Any] = {
        "jql": "text ~ 'a+b & c=d' AND x = \"ü€😀\"",
        "ids": ["b", "a", "a:b", "A"],
        "a[b]": "~.-_*!'()",
        "empty": "",
        "slash": "/?#%",
    }
    with contextlib.suppress(JiraFailure):
        site.get("/rest/api/3/project/search", odd)
    assert "401" not in ground.site.traffic.by_status
    check_signed(ground.wires[-1], ground)


@case(55)
def test_55_nothing_is_kept_of_cookies(parts: Runtime, jira: Listener) -> None:
    jira.says = lambda _: CannedAnswer(headers=(("Set-Cookie", "session=1; Path=/"), ("Set-Cookie", "xsrf=2")))
    site = site_at(parts, jira.url)
    for _ in range(3):
        site.get(SERVER_INFO)
    assert [request.headers["Cookie"] for request in jira.requests] == [None] * 3


@case(55)
def test_55_a_token_is_for_its_own_site(parts: Runtime, jira: Listener) -> None:
    """Another origin gets neither a token nor a call, for any path."""
    for base, path in (
        ("http://127.0.0.1:9", "@evil.example/x"),
        ("http://127.0.0.1:9", ":80@127.0.0.1/x"),
    ):
        with pytest.raises(JiraFailure):
            site_at(parts, base).get(path)
    gate = Gate(parts.limiter, secrets.token_hex(8), Purpose.READ_THROUGH)
    credential = ConnectJwt(app_key=APP_KEY, client_key="ck", shared_secret="s" * 48, base_url=NAMED_URL)
    connections = parts.sites._connections
    with pytest.raises(JiraDown, match="InvalidURL"):
        Site(jira.url, credential, connections, HOSTS, gate).get(SERVER_INFO)
    assert jira.requests == []


# 54: Jira's answers


@pytest.mark.parametrize(
    ("kind", "wait"), [row(54, "429", 3, name="429"), row(54, "503", 3, name="503-with-Retry-After")]
)
def test_54_nothing_is_sent_before_the_time_is_over(ground: Ground, parts: Runtime, kind: str, wait: int) -> None:
    """All processes respect a back-off that one of them received, and then continue."""
    integration = ground.pair()
    site = wire_to(parts, Workers(parts, ground).tenant_id)
    ground.fault = Fault(kind, retry_after=wait)  # type: ignore[arg-type]  # one of its kinds
    start = time.time()
    with pytest.raises(JiraBusy) as busy:
        site.get(SERVER_INFO)
    assert wait <= busy.value.retry_at.timestamp() - start < wait + 5
    ground.fault = None
    before = ground.site.traffic.requests
    with pytest.raises(JiraBusy):
        site.get(SERVER_INFO)
    checks = ground.api("POST", f"{API}/{integration}/validate").json()["checks"]
    assert [(check["name"], check["ok"]) for check in checks] == [("paired", True), ("reachable", False)]
    assert ground.site.traffic.requests == before
    time.sleep(max(0.0, busy.value.retry_at.timestamp() - time.time()))
    site.get(SERVER_INFO)
    assert ground.site.traffic.requests == before + 1
    assert ground.site.traffic.early_retries == 0


@case(54)
def test_54_workers_wait_too(ground: Ground, parts: Runtime) -> None:
    """During a backfill: parked with a reason, no early request, complete in the end."""
    ground.pair()
    workers = Workers(parts, ground)
    times = iter([True] * 3)
    record_request = ground.note

    def limited(method: str, template: str, path: str) -> Fault | None:
        record_request(method, template, path)
        return Fault("429", retry_after=2) if "search/jql" in template and next(times, False) else None

    ground.site.options.fault_hook = limited
    deadline = time.monotonic() + 40
    with contextlib.suppress(AssertionError):
        workers.backfill()
    while any(chunk_state in {"waiting", "working"} for chunk_state in chunk_states(ground)):
        assert time.monotonic() < deadline, chunk_states(ground)
        with contextlib.suppress(AssertionError):
            workers.work(1)
        time.sleep(0.2)
    assert ground.site.traffic.faults["429"] >= 1
    assert ground.site.traffic.early_retries == 0
    row = ground.scene.tables.connection.execute(
        "SELECT count(*) FROM jira_issue WHERE tenant_id = %s AND deleted_at IS NULL", (ground.tenant_id,)
    ).fetchone()
    assert row == (ground.site.counts()["issue"],)


def chunk_states(ground: Ground) -> list[str]:
    return [
        row[0]
        for row in ground.scene.tables.connection.execute(
            "SELECT state FROM chunks WHERE tenant_id = %s", (ground.tenant_id,)
        ).fetchall()
    ]


@case(54)
def test_54_a_site_that_refuses_us_is_told(ground: Ground, parts: Runtime) -> None:
    """401 to everything: the integration needs attention with a reason; secret and data stay for a rotation."""
    integration = ground.pair()
    workers = Workers(parts, ground)
    stored_site = ground.scene.tables.of(ground.site.client_key)
    real = ground.site.lifecycle.state
    ground.site.lifecycle.state = replace(real, shared_secret="x" * 48)
    with contextlib.suppress(AssertionError):
        workers.backfill()
    assert ground.site.traffic.by_status["401"] >= 1
    record = ground.api("GET", f"{API}/{integration}").json()
    assert record["state"] == "needs attention"
    assert "does not take the app's signature" in record["state_reason"]
    before = ground.site.traffic.requests
    assert not ground.api("POST", f"{API}/{integration}/validate").json()["ok"]
    assert ground.site.traffic.requests > before
    assert ground.scene.tables.of(ground.site.client_key) == stored_site
    # The secret was right after all: the integration recovers by itself.
    ground.site.lifecycle.state = real
    parking.probe(parts.store, parts.sites.open(workers.tenant_id), workers.tenant_id, parts.settings.app_key)
    with parts.store.bound_to(workers.tenant_id) as session:
        session.execute(update(CHUNKS).where(CHUNKS.c.state != "done").values(due_at=clock.now()))
    workers.backfill()
    assert ground.state_of(integration) != "needs attention"


REDIRECTS = [
    row(54, status, to, name=f"{status}-{name}")
    for status in (301, 302, 303, 307, 308)
    for name, to in {
        "other-host": "{elsewhere}{path}",
        "same-host": "{path}",
        "https": "https://127.0.0.1:9{path}",
    }.items()
]


@pytest.mark.parametrize(("status", "to"), REDIRECTS)
def test_54_no_redirect_is_followed(parts: Runtime, jira: Listener, status: int, to: str) -> None:
    with listening() as other_server:

        def away(request: HttpRequest) -> CannedAnswer:
            location = to.format(elsewhere=other_server.url, path=request.target)
            return CannedAnswer(status, headers=(("Location", location), ("Refresh", f"0; url={location}")))

        jira.says = away
        site = site_at(parts, jira.url)
        with pytest.raises(JiraNonsense):
            site.get(SERVER_INFO)
        with pytest.raises(JiraNonsense):
            site.post("/rest/api/3/search/jql", {"jql": "x"})
        assert [request.method for request in jira.requests] == ["GET", "POST"]
        assert other_server.requests == []


@pytest.mark.parametrize(
    "base_url",
    [
        row(54, url, name=name)
        for name, url in {
            "not-listed": "https://evil.example",
            "suffix": "https://evilatlassian.net",
            "two-labels": "https://a.b.atlassian.net",
            "in-the-path": "https://evil.example/acme.atlassian.net",
            "user": "https://acme.atlassian.net@evil.example",
            "port": "https://acme.atlassian.net:8443",
            "plain": "http://acme.atlassian.net",
            "metadata": "http://169.254.169.254",
            "loopback-name": "http://localhost",
            "decimal": "http://2130706433",
            "ipv6": "http://[::1]",
            "file": "file:///etc/passwd",
        }.items()
    ],
)
def test_54_an_address_off_the_list_is_not_called(
    parts: Runtime, monkeypatch: pytest.MonkeyPatch, base_url: str
) -> None:
    """Even if the address is stored: each request checks it against the list again."""

    def refuse(*_: object) -> None:
        raise AssertionError("somebody asked for an address")

    site = site_at(parts, base_url)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(JiraRefused, match="address_not_listed"):
        site.get(SERVER_INFO)
    with pytest.raises(JiraRefused, match="address_not_listed"):
        site.post("/rest/api/3/permissions/check", {})


class Silent:
    """A private server that counts connections and octets."""

    def __init__(self, family: socket.AddressFamily, address: str) -> None:
        self.connections, self.octets = 0, b""
        self.socket = socket.socket(family)
        self.socket.bind((address, 0))
        self.socket.listen(16)
        self.port = int(self.socket.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                connection.settimeout(0.3)
                with contextlib.suppress(OSError):
                    while piece := connection.recv(4096):
                        self.octets += piece

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


PRIVATE = {
    "loopback": (socket.AF_INET, "127.0.0.1"),
    "loopback-other": (socket.AF_INET, "127.9.9.9"),
    "nowhere": (socket.AF_INET, "0.0.0.0"),
    "ipv6-loopback": (socket.AF_INET6, "::1"),
    "ipv4-in-ipv6": (socket.AF_INET6, "::ffff:127.0.0.1"),
}


@pytest.mark.parametrize(("family", "address"), [row(54, *values, name=name) for name, values in PRIVATE.items()])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_54_a_name_that_leads_to_a_private_address(
    parts: Runtime, monkeypatch: pytest.MonkeyPatch, scheme: str, family: socket.AddressFamily, address: str
) -> None:
    """A listed name with a private address: the connection is closed before any HTTP."""
    binds = {"0.0.0.0": "127.0.0.1", "::ffff:127.0.0.1": "127.0.0.1"}.get(address, address)
    server = Silent(socket.AF_INET if "." in binds else family, binds)
    names: list[str] = []

    def resolve(host: str, port: int, *_: object, **__: object) -> list[Any]:
        names.append(host)
        target = (address, server.port) if family == socket.AF_INET else (address, server.port, 0, 0)
        return [(family, socket.SOCK_STREAM, 6, "", target)]

    site = site_at(parts, f"{scheme}://acme.jira.example:{server.port}")
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    try:
        for ask in (lambda: site.get(SERVER_INFO), lambda: site.post("/rest/api/3/search/jql", {"jql": "secret"})):
            with pytest.raises(JiraDown):
                ask()
        time.sleep(0.1)
        assert set(names) == {"acme.jira.example"}
        for word in (b"GET", b"POST", b"JWT", b"eyJ", b"rest/api", b"secret"):
            assert word not in server.octets
        if scheme == "http":
            assert server.octets == b""
    finally:
        server.close()


@case(54)
def test_54_a_name_that_leads_home_the_second_time(
    parts: Runtime, monkeypatch: pytest.MonkeyPatch, jira: Listener
) -> None:
    """Rebinding: each connection is checked, not the name once. A pattern with the address itself permits it."""
    port = int(jira.url.rsplit(":", 1)[1])
    named_site = site_at(parts, jira.url)
    named_site.get(SERVER_INFO)
    assert len(jira.requests) == 1
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    )
    site = site_at(parts, f"{NAMED_URL}:{port}")
    for _ in range(3):
        with pytest.raises(JiraDown, match="ConnectionError"):
            site.get(SERVER_INFO)
    assert len(jira.requests) == 1


# Proxies, as operators set them


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    with proxying() as new_proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, new_proxy.url)
        for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield new_proxy


@case(54)
def test_54_through_a_proxy(parts: Runtime, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, ground: Ground) -> None:
    """The proxy resolves; the site's name is signed, sent and checked."""
    secret = ground.site.shared_secret
    proxy.to = ground.site.base_url
    site = an_installed_site(parts, base_url=NAMED_URL, shared_secret=secret)
    monkeypatch.setattr(socket, "gethostbyname", lambda *_: pytest.fail("we resolved"))
    assert wire_to(parts, site.tenant_id).get(SERVER_INFO, {"x": "a b"}).body
    [request] = proxy.requests
    assert (request.method, request.target) == ("GET", f"{NAMED_URL}{SERVER_INFO}?x=a%20b")
    assert request.headers["Host"] == "acme.jira.example"
    assert "Proxy-Authorization" not in request.headers
    assert ground.site.traffic.by_status["200"] == 1


@case(54)
def test_54_a_proxy_does_not_lengthen_the_list(parts: Runtime, proxy: Proxy) -> None:
    for base_url in (
        "http://evil.example",
        "https://evil.example",
        "http://169.254.169.254",
        "http://a.b.jira.example",
    ):
        with pytest.raises(JiraRefused):
            site_at(parts, base_url).get(SERVER_INFO)
    assert proxy.requests == []


@case(54)
def test_54_a_proxy_sees_no_token_of_an_encrypted_site(parts: Runtime, proxy: Proxy) -> None:
    with pytest.raises(JiraDown):
        site_at(parts, "https://acme.atlassian.net").get(SERVER_INFO)
    assert {(request.method, request.target) for request in proxy.requests} == {("CONNECT", "acme.atlassian.net:443")}
    for request in proxy.requests:
        assert "Authorization" not in request.headers
        assert "eyJ" not in str(request)


@pytest.mark.parametrize(
    "value",
    [
        row(54, no_proxy, name=no_proxy)
        for no_proxy in ("127.0.0.1", "*", "acme.jira.example,127.0.0.1", "localhost,.example,127.0.0.0/8")
    ],
)
def test_54_no_proxy_is_respected(
    parts: Runtime, proxy: Proxy, jira: Listener, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("NO_PROXY", value)
    site_at(parts, jira.url).get(SERVER_INFO)
    assert len(jira.requests) == 1
    assert proxy.requests == []


@case(54)
def test_54_past_the_proxy_the_address_is_looked_at(
    parts: Runtime, proxy: Proxy, jira: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NO_PROXY for a name with a private address doesn't bypass the check."""
    port = int(jira.url.rsplit(":", 1)[1])
    monkeypatch.setenv("NO_PROXY", "acme.jira.example")
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    )
    with pytest.raises(JiraDown):
        site_at(parts, f"{NAMED_URL}:{port}").get(SERVER_INFO)
    assert jira.requests == []
    assert proxy.requests == []


@case(54)
def test_54_a_netrc_says_nothing(
    parts: Runtime, jira: Listener, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A .netrc file must not replace our signature."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login eve password stolen\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    site_at(parts, jira.url).get(SERVER_INFO)
    assert jira.requests[0].headers["Authorization"].startswith("JWT ")


# Answers of a site


ANSWERS = {
    "html": (CannedAnswer(200, b"<html>", "text/html"), JiraNonsense),
    "cut": (CannedAnswer(200, b'{"a": '), JiraNonsense),
    "deep": (CannedAnswer(200, b'{"a":' * 100_000), JiraNonsense),
    "500": (CannedAnswer(500, b"Traceback"), JiraDown),
    "408": (CannedAnswer(408), JiraDown),
    "not-packed": (CannedAnswer(200, b"{}", headers=(("Content-Encoding", "gzip"),)), JiraDown),
}


@pytest.mark.parametrize(("says", "failure"), [row(54, *values, name=name) for name, values in ANSWERS.items()])
def test_54_nonsense_is_a_failure_with_a_name(
    parts: Runtime, jira: Listener, says: CannedAnswer, failure: type[JiraFailure]
) -> None:
    jira.says = lambda _: says
    with pytest.raises(failure) as failure_info:
        site_at(parts, jira.url).get(SERVER_INFO)
    assert "Traceback" not in str(failure_info.value)
    assert len(jira.requests) == 1


@case(54)
def test_54_an_answer_that_never_ends_is_given_up(parts: Runtime) -> None:
    """From the status, the headers or the body on: each octet arrives in time, but the answer never ends."""

    def ask(kind: str) -> tuple[str, float]:
        with dripping(kind) as url:
            site, start = site_at(parts, url), time.monotonic()
            with contextlib.suppress(JiraFailure):
                site.post(CHECK, {}, timeout=INTERACTIVE)
            return kind, time.monotonic() - start

    with ThreadPoolExecutor(len(BEGINNINGS)) as pool:
        durations = dict(pool.map(ask, BEGINNINGS))
    assert [kind for kind, seconds in durations.items() if seconds > 12] == [], durations


@case(54)
def test_54_a_renamed_site_is_called_at_its_new_address_only(ground: Ground, parts: Runtime) -> None:
    with listening() as new:
        new.admins.add(ground.site.admin)
        next_second()
        customer = ground.scene.new_site(**{**vars(ground.customer), "base_url": new.url})
        ground.scene.must("installed", customer)
        before = ground.site.traffic.requests
        assert ground.load().status == 200
        assert ground.site.traffic.requests == before
        assert len(new.requests) == 1
        assert f"127.0.0.1:{new.url.rsplit(':', 1)[1]}" == new.requests[0].headers["Host"]


def test_the_sandbox_would_notice_a_bad_signature(parts: Runtime) -> None:
    """Counter-check of case 55."""
    site = SandboxSite(dataset="seeded", issues=1, projects=1)
    with serve(site) as url:
        with pytest.raises(JiraRefused):
            site_at(parts, url).get(SERVER_INFO)
        assert site.traffic.by_status["401"] == 1


# 74: people without an address


def _addresses(ground: Ground, addresses: list[str | None]) -> None:
    """Assign addresses in turn, in the catalogue and in issues; ABSENT removes an address."""
    users = ground.site.world.catalogue.users
    address_of = {account_id: addresses[number % len(addresses)] for number, account_id in enumerate(sorted(users))}

    def change(node: Any) -> None:
        if isinstance(node, list):
            for item in node:
                change(item)
        elif isinstance(node, dict):
            account_id = node.get("accountId")
            if account_id in address_of:
                node.pop("emailAddress", None)
                if address_of[account_id] != ABSENT:
                    node["emailAddress"] = address_of[account_id]
            for value in node.values():
                change(value)

    change(list(users.values()))
    for issue in ground.site.world.issues.values():
        change([issue.fields, issue.histories, issue.comments, issue.worklogs])


ABSENT = "absent"
ADDRESSES: dict[str, list[str | None]] = {
    "absent": [ABSENT],
    "null": [None],
    "empty": [""],
    "blank": ["  "],
    "one-for-all": ["shared@example.com"],
    "mixed": [ABSENT, None, "", "shared@example.com", "SHARED@example.com"],
}


@pytest.mark.parametrize(
    "addresses",
    [row(74, addresses, name=name) for name, addresses in ADDRESSES.items()],
)
def test_74_people_are_told_apart_without_addresses(
    scene: Scene, parts: Runtime, attacks_database_url: str, addresses: list[str | None]
) -> None:
    """Each account is one person, even with shared or missing addresses; `user/email` may answer 400."""
    with a_ground(scene, issues=12) as ground:
        _addresses(ground, addresses)
        integration = ground.pair()
        Workers(parts, ground).backfill()
        assert differences(attacks_database_url, ground.site) == []
        rows = scene.tables.connection.execute(
            "SELECT id, email FROM jira_user WHERE tenant_id = %s AND deleted_at IS NULL", (ground.tenant_id,)
        ).fetchall()
        assert len(rows) > 2
        assert len({row[0] for row in rows}) == len(rows)
        assert all(row[0] for row in rows)
        assert {row[1] for row in rows} <= {None, "", "  ", *addresses}
        checks = ground.api("POST", f"{API}/{integration}/validate").json()
        assert checks["ok"]
        assert [check["ok"] for check in checks["checks"] if check["name"] == "emails"] == [False]
        assert ground.site.traffic.by_status["400"] >= 1
