"""Input that never becomes a request: not HTTP, too long, too slow. Answers repeat nothing, other callers wait for nothing."""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import time
from typing import TYPE_CHECKING

import pytest

from app.web import worker
from tests.attacks.cases import case, row
from tests.attacks.grounds import JSON, PAGE, PAIRING, a_ground, check_refused
from tests.fakes.wire_reader import read_reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.attacks.grounds import Ground
    from tests.attacks.scene import Reply, Scene

HOOK = "/connect/webhooks/jira.issue_updated"
CROWD = 40
"""Simultaneous connections, more than all threads of all workers."""


@pytest.fixture(scope="module")
def ground(warm_scene: Scene) -> Iterator[Ground]:
    with a_ground(warm_scene) as new_ground:
        new_ground.pair()
        yield new_ground


@pytest.fixture
def sender(ground: Ground, scene: Scene) -> Sender:
    return Sender(ground)


class Sender:
    """Sends raw octets and reads the answer."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.ground.scene.app.port), 15)

    def send(self, raw: bytes) -> Reply:
        start = time.monotonic()
        with self.connect() as wire:
            wire.sendall(raw)
            return read_reply(wire, start)

    @contextlib.contextmanager
    def crowd(self, raw: bytes) -> Iterator[list[socket.socket]]:
        """Open many connections that send this much and stay open."""
        with contextlib.ExitStack() as stack:
            wires = [stack.enter_context(self.connect()) for _ in range(CROWD)]
            for wire in wires:
                wire.sendall(raw)
            time.sleep(0.3)
            yield wires

    def check_well(self) -> None:
        """Check that other callers are served at once."""
        for _ in range(4):
            reply = self.ground.send("GET", "/livez")
            assert (reply.status, reply.seconds < 1) == (200, True), reply


# Not HTTP

ODD = {
    "words": b"x\r\n\r\n",
    "target-with-blank": b"GET /base/x?jwt={jwt} y HTTP/1.1\r\nHost: x\r\n\r\n",
    "version": b"GET /base/jira/pairing?jwt={jwt} HTTP/9.9\r\nHost: x\r\n\r\n",
    "method": b"g\xc3\xa9t /base/jira/pairing?jwt={jwt} HTTP/1.1\r\nHost: x\r\n\r\n",
    "token-as-method": b"{jwt} / HTTP/1.1\r\nHost: x\r\n\r\n",
    "token-as-name": b"GET /livez HTTP/1.1\r\n{jwt}\r\n\r\n",
    "name-with-blank": b"GET /livez HTTP/1.1\r\nAuthorization : JWT {jwt}\r\n\r\n",
    "folded": b"GET /livez HTTP/1.1\r\nAuthorization: JWT\r\n {jwt}\r\n\r\n",
    "nul": b"GET /livez HTTP/1.1\r\nAuthorization: JWT {jwt}\x00\r\n\r\n",
    "line-feeds": b"GET /base/jira/pairing?jwt={jwt} HTTP/1.1\nHost: x\n\n",
    "two-hosts": b"GET /livez HTTP/1.1\r\nHost: {jwt}\r\nHost: x\r\n\r\n",
    "two-lengths": b"POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length-and-pieces": b"POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "unknown-coding": b"POST /livez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {jwt}\r\n\r\n0\r\n\r\n",
    "xchunked": b"POST /livez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "gzip": b"POST /livez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
    "http-2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
}


@pytest.mark.parametrize("raw", [row("no HTTP", raw, name=name) for name, raw in ODD.items()])
def test_what_is_no_http_is_told_nothing(sender: Sender, raw: bytes) -> None:
    """The answer has the form and headers of our other refusals; gunicorn's default page repeats the request."""
    token = sender.ground.context()
    reply = sender.send(raw.replace(b"{jwt}", token.encode()))
    check_refused(reply, 400, "api", "", token, token.split(".")[2], "eyJ", "xchunked")
    assert set(reply.json()) == {"type", "title", "status", "detail"}


@case("no HTTP")
def test_an_expectation_that_nobody_meets(sender: Sender) -> None:
    token = sender.ground.context()
    check_refused(
        sender.send(b"GET /base/livez HTTP/1.1\r\nHost: x\r\nExpect: %s\r\n\r\n" % token.encode()),
        417,
        "api",
        "",
        token,
    )


BROKEN_REQUESTS = {
    "size": b"zz\r\n{body}\r\n0\r\n\r\n",
    "negative": b"-5\r\nhello\r\n0\r\n\r\n",
    "no-end": b"5\r\nhelloworld\r\n0\r\n\r\n",
    "extension": b"5;=\r\nhello\r\n0\r\n\r\n",
    "trailer": b"5\r\nhello\r\n0\r\nAuthorization: x\r\n\r\n",
    "size-without-end": b"0" * 20_000 + b"\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("raw", [row("no HTTP", raw, name=name) for name, raw in BROKEN_REQUESTS.items()])
@pytest.mark.parametrize("door", ["webhook", "pairing", "api"])
def test_pieces_that_are_none(sender: Sender, door: str, raw: bytes) -> None:
    """The caller is proven: the app itself detects the error while reading."""
    ground = sender.ground
    target, proof = {
        "webhook": (HOOK, f"JWT {ground.site.webhook_token(HOOK)}"),
        "pairing": (PAIRING, f"JWT {ground.context()}"),
        "api": ("/api/v1/integrations", f"Bearer {ground.key}"),
    }[door]
    head = f"POST /base{target} HTTP/1.1\r\nHost: x\r\nAuthorization: {proof}\r\nContent-Type: {JSON}\r\n"
    with ground.unmoved(request_count=None):
        reply = sender.send(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + raw)
    check_refused(reply, 400, "api")


# Too long


LONG = {
    "address": (b"GET /base/livez?x={long} HTTP/1.1\r\nHost: x\r\n\r\n", 9_000, 414),
    "address-without-end": (b"GET /base/livez?x={long}", 200_000, 414),
    "address-with-token": (b"GET /base/jira/pairing?x={long}&jwt=a HTTP/1.1\r\nHost: x\r\n\r\n", 9_000, 401),
    "address-with-escaped-token": (b"GET /base/jira/pairing?%6Awt={long} HTTP/1.1\r\nHost: x\r\n\r\n", 9_000, 401),
    "address-and-credentials": (b"GET /?x={long} HTTP/1.1\r\nAuthorization: JWT a\r\n\r\n", 9_000, 401),
    "method": (b"{long} / HTTP/1.1\r\nHost: x\r\n\r\n", 9_000, 414),
    "field": (b"GET /base/livez HTTP/1.1\r\nHost: x\r\nX-A: {long}\r\n\r\n", 17_000, 431),
    "name": (b"GET /base/livez HTTP/1.1\r\n{long}: x\r\n\r\n", 17_000, 431),
    "field-without-end": (b"GET /base/livez HTTP/1.1\r\nHost: x\r\nX-A: {long}", 200_000, 431),
    "api-key": (b"GET /base/api/v1/integrations HTTP/1.1\r\nAuthorization: Bearer {long}\r\n\r\n", 3_000_000, 401),
    "cookie": (b"GET /base/console HTTP/1.1\r\nCookie: sei_console={long}\r\n\r\n", 200_000, 431),
}


@pytest.mark.parametrize(
    ("raw", "size", "status"), [row("too long", *values, name=name) for name, values in LONG.items()]
)
def test_what_is_too_long(sender: Sender, raw: bytes, size: int, status: int) -> None:
    """The status depends on the oversized part; 401 with credentials, since these prove nothing."""
    check_refused(sender.send(raw.replace(b"{long}", b"x" * size)), status, "api", "", "xxxx")


@pytest.mark.parametrize("count", [row("too long", 61, name="one-more"), row("too long", 5_000, name="thousands")])
def test_too_many_headers(sender: Sender, count: int) -> None:
    fields = b"".join(b"X-%d: y\r\n" % number for number in range(count))
    check_refused(sender.send(b"GET /base/livez HTTP/1.1\r\n" + fields + b"\r\n"), 431, "api")


# Too slow


HALVES = {
    "nothing": b"",
    "half-a-line": b"GET /base/li",
    "half-a-head": b"GET /base/livez HTTP/1.1\r\nHost: x\r\n",
    "no-body": b"POST /base/console/sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
    "no-body-refused": b"POST /base/connect/installed HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n",
    "no-body-asks-first": (
        b"POST /base/console/sign-in HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        b"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n"
    ),
    "no-pieces": (
        b"POST /base/console/sign-in HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n5\r\n\r\n0\r\n"
    ),
    "stays": b"GET /base/livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "stays-after-nonsense": b"x\r\n\r\n",
    "keeps-alive": b"GET /base/livez HTTP/1.1\r\nHost: x\r\n\r\nGET /base/livez HT",
}


@pytest.mark.parametrize("raw", [row("too slow", raw, name=name) for name, raw in HALVES.items()])
def test_nobody_waits_for_the_slow(sender: Sender, raw: bytes) -> None:
    """More connections than threads, but a thousand times fewer than a worker's limit."""
    with sender.crowd(raw):
        sender.check_well()
    sender.check_well()


@case("too slow")
def test_a_drip_is_ended(sender: Sender) -> None:
    """One octet per second doesn't keep a connection open: the time limit applies to the whole request."""
    start = time.monotonic()
    with sender.crowd(HALVES["half-a-head"]) as heads, sender.crowd(HALVES["no-body"]) as bodies:
        while time.monotonic() < start + worker.HEAD_SECONDS + 2:
            for wire in heads + bodies:
                with contextlib.suppress(OSError):
                    wire.sendall(b"x")
            sender.check_well()
            time.sleep(1)
        for wire in heads + bodies:
            check_refused(read_reply(wire, start), 408, "api")


@pytest.mark.parametrize("size", [row("too slow", 30_000, name="small"), row("too slow", 300_000, name="large")])
def test_who_takes_a_while_is_served_all_the_same(sender: Sender, size: int) -> None:
    """A head in two parts, a body in ten: slow connections are no attack."""
    ground = sender.ground
    body = json.dumps({"issue": {"id": "10001"}, "x": "y" * size}).encode()
    head = (
        f"POST /base{HOOK} HTTP/1.1\r\nHost: x\r\nAuthorization: JWT {ground.site.webhook_token(HOOK)}\r\n"
        f"X-Atlassian-Webhook-Identifier: {secrets.token_hex(8)}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    before = len(ground.inbox())
    with sender.connect() as wire:
        for part in (
            head[:20],
            head[20:],
            *(body[at : at + len(body) // 9] for at in range(0, len(body), len(body) // 9)),
        ):
            wire.sendall(part)
            time.sleep(0.1)
        assert read_reply(wire, 0).status == 204
    assert len(ground.inbox()) == before + 1


@pytest.mark.parametrize("gap", [row("too slow", 0.0, name="at-once"), row("too slow", 0.2, name="one-after-another")])
def test_requests_on_one_connection(sender: Sender, gap: float) -> None:
    """Pipelined or one by one, each request gets its answer, in order."""
    target = f"{PAGE}&jwt={sender.ground.page()}"
    request_lines = [
        b"GET /base/livez",
        f"GET /base{target}".encode(),
        b"GET /base/nowhere",
        b"GET /base/atlassian-connect.json",
    ]
    with sender.connect() as wire:
        for line in request_lines:
            wire.sendall(line + b" HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(gap)
        assert [read_reply(wire, 0).status for _ in request_lines] == [200, 200, 404, 200]
