"""Cases 54 and 55: what leaves us, for whom, when, and where it never goes.

Over HTTP where the app is asked to call, in this process where the network itself is bent.
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
from tests.attacks.grounds import API, CHECK, Workers, a_ground, a_runtime, next_second
from tests.factories import an_installed_site
from tests.fakes.dripping import BEGINNINGS, dripping
from tests.fakes.listener import Asked, Listener, Says, listening
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
NAMED = "http://acme.jira.example"
"""Of a pattern with a wildcard: so it has a name only, and the address must be public."""
HOSTS = ("*.atlassian.net", "http://*.jira.example:*", "https://*.jira.example:*", "http://127.0.0.1:*")


@pytest.fixture(scope="module")
def parts(attacks_database_url: str, attacks_redis_url: str, target: object) -> Iterator[Runtime]:
    with a_runtime(attacks_database_url, attacks_redis_url, site_hosts=HOSTS) as made:
        yield made


@pytest.fixture
def ground(scene: Scene) -> Iterator[Ground]:
    with a_ground(scene, issues=5) as made:
        yield made


@pytest.fixture
def jira() -> Iterator[Listener]:
    """Says yes to everything, with nothing in it."""
    with listening() as listener:
        listener.says = lambda _: Says()
        yield listener


def site_at(parts: Runtime, base_url: str, secret: str = "s" * 48) -> Site:
    """A site as the app opens it, at an address that no door has looked at."""
    site = an_installed_site(parts, base_url=base_url, shared_secret=secret)
    return parts.sites.open(site.tenant_id)


# 55: what we sign


@case(55)
def test_55_every_request_of_a_whole_reading(ground: Ground, parts: Runtime) -> None:
    """Pairing, first filling, deliveries, the check: each request with a token of its own address, short-lived, bodyless GETs."""
    integration = ground.pair()
    workers = Workers(parts, ground)
    workers.backfill()
    ground.site.options.webhooks = False
    shown = ground.site.mutate("update_issue")
    ground.deliver("jira.issue_updated", {"issue": {"id": shown["issue_id"]}})
    ground.deliver("jira.issue_deleted", {"issue": {"id": "999999999"}})
    workers.drain()
    assert ground.api("POST", f"{API}/{integration}/validate").status == 200
    assert len({each.target.partition("?")[0] for each in ground.seen}) > 10
    assert {each.method for each in ground.seen} == {"GET", "POST"}
    for wire in ground.seen:
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
    site = parts.sites.open(Workers(parts, ground).tenant_id)
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
    check_signed(ground.seen[-1], ground)


@case(55)
def test_55_nothing_is_kept_of_cookies(parts: Runtime, jira: Listener) -> None:
    jira.says = lambda _: Says(headers=(("Set-Cookie", "session=1; Path=/"), ("Set-Cookie", "xsrf=2")))
    site = site_at(parts, jira.url)
    for _ in range(3):
        site.get(SERVER_INFO)
    assert [each.headers["Cookie"] for each in jira.asked] == [None] * 3


@case(55)
def test_55_a_token_is_for_its_own_site(parts: Runtime, jira: Listener) -> None:
    """Whatever path is asked for, another origin gets neither a token nor a call."""
    for base, path in (
        ("http://127.0.0.1:9", "@evil.example/x"),
        ("http://127.0.0.1:9", ":80@127.0.0.1/x"),
    ):
        with pytest.raises(JiraFailure):
            site_at(parts, base).get(path)
    gate = Gate(parts.limiter, secrets.token_hex(8), Purpose.READ_THROUGH)
    credential = ConnectJwt(app_key=APP_KEY, client_key="ck", shared_secret="s" * 48, base_url=NAMED)
    connections = parts.sites._connections
    with pytest.raises(JiraDown, match="InvalidURL"):
        Site(jira.url, credential, connections, HOSTS, gate).get(SERVER_INFO)
    assert jira.asked == []


# 54: what Jira says


@pytest.mark.parametrize(
    ("kind", "wait"), [row(54, "429", 3, name="429"), row(54, "503", 3, name="503-with-Retry-After")]
)
def test_54_nothing_is_sent_before_the_time_is_over(ground: Ground, parts: Runtime, kind: str, wait: int) -> None:
    """Told in one process, kept by all; then it goes on."""
    integration = ground.pair()
    site = parts.sites.open(Workers(parts, ground).tenant_id)
    ground.fault = Fault(kind, retry_after=wait)  # type: ignore[arg-type]  # one of its kinds
    began = time.time()
    with pytest.raises(JiraBusy) as busy:
        site.get(SERVER_INFO)
    assert wait <= busy.value.retry_at.timestamp() - began < wait + 5
    ground.fault = None
    before = ground.site.traffic.requests
    with pytest.raises(JiraBusy):
        site.get(SERVER_INFO)
    checks = ground.api("POST", f"{API}/{integration}/validate").json()["checks"]
    assert [(each["name"], each["ok"]) for each in checks] == [("paired", True), ("reachable", False)]
    assert ground.site.traffic.requests == before
    time.sleep(max(0.0, busy.value.retry_at.timestamp() - time.time()))
    site.get(SERVER_INFO)
    assert ground.site.traffic.requests == before + 1
    assert ground.site.traffic.early_retries == 0


@case(54)
def test_54_workers_wait_too(ground: Ground, parts: Runtime) -> None:
    """In the middle of the first filling: parked with a reason, nothing early, complete in the end."""
    ground.pair()
    workers = Workers(parts, ground)
    times = iter([True] * 3)
    noted = ground.note

    def limited(method: str, template: str, path: str) -> Fault | None:
        noted(method, template, path)
        return Fault("429", retry_after=2) if "search/jql" in template and next(times, False) else None

    ground.site.options.fault_hook = limited
    deadline = time.monotonic() + 40
    with contextlib.suppress(AssertionError):
        workers.backfill()
    while any(each in {"waiting", "working"} for each in chunk_states(ground)):
        assert time.monotonic() < deadline, chunk_states(ground)
        with contextlib.suppress(AssertionError):
            workers.work(1)
        time.sleep(0.2)
    assert ground.site.traffic.faults["429"] >= 1
    assert ground.site.traffic.early_retries == 0
    stored = ground.scene.tables.connection.execute(
        "SELECT count(*) FROM jira_issue WHERE tenant_id = %s AND deleted_at IS NULL", (ground.tenant_id,)
    ).fetchone()
    assert stored == (ground.site.counts()["issue"],)


def chunk_states(ground: Ground) -> list[str]:
    return [
        each[0]
        for each in ground.scene.tables.connection.execute(
            "SELECT state FROM chunks WHERE tenant_id = %s", (ground.tenant_id,)
        ).fetchall()
    ]


@case(54)
def test_54_a_site_that_refuses_us_is_told(ground: Ground, parts: Runtime) -> None:
    """401 to everything: the integration needs attention, says why, and the secret and data are kept for a rotation."""
    integration = ground.pair()
    workers = Workers(parts, ground)
    held = ground.scene.tables.of(ground.site.client_key)
    real = ground.site.lifecycle.state
    ground.site.lifecycle.state = replace(real, shared_secret="x" * 48)
    with contextlib.suppress(AssertionError):
        workers.backfill()
    assert ground.site.traffic.by_status["401"] >= 1
    shown = ground.api("GET", f"{API}/{integration}").json()
    assert shown["state"] == "needs attention"
    assert "does not take the app's signature" in shown["state_reason"]
    before = ground.site.traffic.requests
    assert not ground.api("POST", f"{API}/{integration}/validate").json()["ok"]
    assert ground.site.traffic.requests > before
    assert ground.scene.tables.of(ground.site.client_key) == held
    # The secret was not wrong after all: it goes on by itself.
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
    with listening() as elsewhere:

        def away(asked: Asked) -> Says:
            location = to.format(elsewhere=elsewhere.url, path=asked.target)
            return Says(status, headers=(("Location", location), ("Refresh", f"0; url={location}")))

        jira.says = away
        site = site_at(parts, jira.url)
        with pytest.raises(JiraNonsense):
            site.get(SERVER_INFO)
        with pytest.raises(JiraNonsense):
            site.post("/rest/api/3/search/jql", {"jql": "x"})
        assert [each.method for each in jira.asked] == ["GET", "POST"]
        assert elsewhere.asked == []


@pytest.mark.parametrize(
    "base_url",
    [
        row(54, each, name=name)
        for name, each in {
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
    """Even where it stands in the table: held against the list again whenever a request leaves."""

    def refuse(*_: object) -> None:
        raise AssertionError("somebody asked for an address")

    site = site_at(parts, base_url)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(JiraRefused, match="address_not_listed"):
        site.get(SERVER_INFO)
    with pytest.raises(JiraRefused, match="address_not_listed"):
        site.post("/rest/api/3/permissions/check", {})


class Silent:
    """A private server that counts what reaches it, by connection and by octet."""

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
    """On the list by its name, at home by its address: hung up on before a word of HTTP was said."""
    binds = {"0.0.0.0": "127.0.0.1", "::ffff:127.0.0.1": "127.0.0.1"}.get(address, address)
    server = Silent(socket.AF_INET if "." in binds else family, binds)
    resolved: list[str] = []

    def resolve(host: str, port: int, *_: object, **__: object) -> list[Any]:
        resolved.append(host)
        where = (address, server.port) if family == socket.AF_INET else (address, server.port, 0, 0)
        return [(family, socket.SOCK_STREAM, 6, "", where)]

    site = site_at(parts, f"{scheme}://acme.jira.example:{server.port}")
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    try:
        for ask in (lambda: site.get(SERVER_INFO), lambda: site.post("/rest/api/3/search/jql", {"jql": "secret"})):
            with pytest.raises(JiraDown):
                ask()
        time.sleep(0.1)
        assert set(resolved) == {"acme.jira.example"}
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
    """Rebinding: each connection is looked at, not the name once. A pattern with the very address lets it through."""
    port = int(jira.url.rsplit(":", 1)[1])
    named = site_at(parts, jira.url)
    named.get(SERVER_INFO)
    assert len(jira.asked) == 1
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    )
    site = site_at(parts, f"{NAMED}:{port}")
    for _ in range(3):
        with pytest.raises(JiraDown, match="ConnectionError"):
            site.get(SERVER_INFO)
    assert len(jira.asked) == 1


# Proxies, as operators set them


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    with proxying() as made:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, made.url)
        for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield made


@case(54)
def test_54_through_a_proxy(parts: Runtime, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, ground: Ground) -> None:
    """The proxy resolves; the site's name is what is signed, sent and checked."""
    secret = ground.site.shared_secret
    proxy.to = ground.site.base_url
    site = an_installed_site(parts, base_url=NAMED, shared_secret=secret)
    monkeypatch.setattr(socket, "gethostbyname", lambda *_: pytest.fail("we resolved"))
    assert parts.sites.open(site.tenant_id).get(SERVER_INFO, {"x": "a b"}).body
    [passed] = proxy.passed
    assert (passed.method, passed.target) == ("GET", f"{NAMED}{SERVER_INFO}?x=a%20b")
    assert passed.headers["Host"] == "acme.jira.example"
    assert "Proxy-Authorization" not in passed.headers
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
    assert proxy.passed == []


@case(54)
def test_54_a_proxy_sees_no_token_of_an_encrypted_site(parts: Runtime, proxy: Proxy) -> None:
    with pytest.raises(JiraDown):
        site_at(parts, "https://acme.atlassian.net").get(SERVER_INFO)
    assert {(each.method, each.target) for each in proxy.passed} == {("CONNECT", "acme.atlassian.net:443")}
    for each in proxy.passed:
        assert "Authorization" not in each.headers
        assert "eyJ" not in str(each)


@pytest.mark.parametrize(
    "value",
    [
        row(54, each, name=each)
        for each in ("127.0.0.1", "*", "acme.jira.example,127.0.0.1", "localhost,.example,127.0.0.0/8")
    ],
)
def test_54_no_proxy_is_respected(
    parts: Runtime, proxy: Proxy, jira: Listener, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("NO_PROXY", value)
    site_at(parts, jira.url).get(SERVER_INFO)
    assert len(jira.asked) == 1
    assert proxy.passed == []


@case(54)
def test_54_past_the_proxy_the_address_is_looked_at(
    parts: Runtime, proxy: Proxy, jira: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NO_PROXY for a name that leads home: no way around the check."""
    port = int(jira.url.rsplit(":", 1)[1])
    monkeypatch.setenv("NO_PROXY", "acme.jira.example")
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    )
    with pytest.raises(JiraDown):
        site_at(parts, f"{NAMED}:{port}").get(SERVER_INFO)
    assert jira.asked == []
    assert proxy.passed == []


@case(54)
def test_54_a_netrc_says_nothing(
    parts: Runtime, jira: Listener, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A password file of the machine's must not replace our signature."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login eve password stolen\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    site_at(parts, jira.url).get(SERVER_INFO)
    assert jira.asked[0].headers["Authorization"].startswith("JWT ")


# What a site may answer


ANSWERS = {
    "html": (Says(200, b"<html>", "text/html"), JiraNonsense),
    "cut": (Says(200, b'{"a": '), JiraNonsense),
    "deep": (Says(200, b'{"a":' * 100_000), JiraNonsense),
    "500": (Says(500, b"Traceback"), JiraDown),
    "408": (Says(408), JiraDown),
    "not-packed": (Says(200, b"{}", headers=(("Content-Encoding", "gzip"),)), JiraDown),
}


@pytest.mark.parametrize(("says", "failure"), [row(54, *values, name=name) for name, values in ANSWERS.items()])
def test_54_nonsense_is_a_failure_with_a_name(
    parts: Runtime, jira: Listener, says: Says, failure: type[JiraFailure]
) -> None:
    jira.says = lambda _: says
    with pytest.raises(failure) as found:
        site_at(parts, jira.url).get(SERVER_INFO)
    assert "Traceback" not in str(found.value)
    assert len(jira.asked) == 1


@case(54)
def test_54_an_answer_that_never_ends_is_given_up(parts: Runtime) -> None:
    """From the status, the headers or the body on: each octet in time, and nothing ever whole."""

    def ask(kind: str) -> tuple[str, float]:
        with dripping(kind) as url:
            site, began = site_at(parts, url), time.monotonic()
            with contextlib.suppress(JiraFailure):
                site.post(CHECK, {}, timeout=INTERACTIVE)
            return kind, time.monotonic() - began

    with ThreadPoolExecutor(len(BEGINNINGS)) as pool:
        took = dict(pool.map(ask, BEGINNINGS))
    assert [kind for kind, seconds in took.items() if seconds > 12] == [], took


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
        assert len(new.asked) == 1
        assert f"127.0.0.1:{new.url.rsplit(':', 1)[1]}" == new.asked[0].headers["Host"]


def test_the_sandbox_would_notice_a_bad_signature(parts: Runtime) -> None:
    """The witness of case 55 is awake."""
    site = SandboxSite(dataset="seeded", issues=1, projects=1)
    with serve(site) as url:
        with pytest.raises(JiraRefused):
            site_at(parts, url).get(SERVER_INFO)
        assert site.traffic.by_status["401"] == 1


# 74: people without an address


def _addresses(ground: Ground, addresses: list[str | None]) -> None:
    """Give everybody's address in turn, in the catalogue and wherever an issue shows the person; ABSENT takes it away."""
    users = ground.site.world.catalogue.users
    given = {known: addresses[number % len(addresses)] for number, known in enumerate(sorted(users))}

    def change(found: Any) -> None:
        if isinstance(found, list):
            for each in found:
                change(each)
        elif isinstance(found, dict):
            known = found.get("accountId")
            if known in given:
                found.pop("emailAddress", None)
                if given[known] != ABSENT:
                    found["emailAddress"] = given[known]
            for each in found.values():
                change(each)

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
    [row(74, each, name=name) for name, each in ADDRESSES.items()],
)
def test_74_people_are_told_apart_without_addresses(
    scene: Scene, parts: Runtime, attacks_database_url: str, addresses: list[str | None]
) -> None:
    """However many share an address or have none: each account is one person, and `user/email` may say 400."""
    with a_ground(scene, issues=12) as ground:
        _addresses(ground, addresses)
        integration = ground.pair()
        Workers(parts, ground).backfill()
        assert differences(attacks_database_url, ground.site) == []
        stored = scene.tables.connection.execute(
            "SELECT id, email FROM jira_user WHERE tenant_id = %s AND deleted_at IS NULL", (ground.tenant_id,)
        ).fetchall()
        assert len(stored) > 2
        assert len({each[0] for each in stored}) == len(stored)
        assert all(each[0] for each in stored)
        assert {each[1] for each in stored} <= {None, "", "  ", *addresses}
        checks = ground.api("POST", f"{API}/{integration}/validate").json()
        assert checks["ok"]
        assert [each["ok"] for each in checks["checks"] if each["name"] == "emails"] == [False]
        assert ground.site.traffic.by_status["400"] >= 1
