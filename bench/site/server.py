"""HTTP/1.1 with keep-alive, one thread a connection: a body goes to the kernel in one call that leaves Python alone."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson

from bench.site.counters import Counters
from bench.site.faults import Faults, Refusal
from bench.site.routes import Refused, Reply, Routes, read_call

if TYPE_CHECKING:
    from io import BufferedReader

    from bench.site.world import World


@dataclass
class Site:
    """A world being served."""

    world: World
    latency: float = 0.0
    """Seconds between the arrival of a request and its answer."""
    faults: Faults = field(default_factory=Faults)
    counters: Counters = field(default_factory=Counters)

    def __post_init__(self) -> None:
        self.routes = Routes(self.world)
        self.faults.counters = self.counters
        self._listener: socket.socket | None = None

    def listen(self, port: int = 0) -> str:
        """Start serving on this machine alone. Returns the address."""
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def _accept(self, listener: socket.socket) -> None:
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as reader:
            while (request := _read(reader)) is not None:
                arrived = time.monotonic() - _lain(connection)
                method, target, headers, body = request
                if target.startswith("/bench/"):
                    connection.sendall(_send(connection, 200, {}, [self._control(target, body)])[1])
                elif not self._exchange(connection, method, target, headers, body, arrived):
                    return

    def _exchange(
        self, connection: socket.socket, method: str, target: str, headers: dict[str, str], body: bytes, arrived: float
    ) -> bool:
        """Answer one REST call. Returns whether the connection lives on."""
        counters = self.counters
        template = self.routes.template_of(target.partition("?")[0])
        counters.arrive(f"{method} {template}")
        sent = 0
        working = 0.0
        try:
            if "authorization" not in headers:
                reply = _refused(401, "Client must be authenticated to access this resource.")
                fault: str | Refusal | None = None
            else:
                fault = self.faults.draw(method, template, target, latency=self.latency, arrived=arrived)
                if fault == "hang":
                    time.sleep(self.faults.hang_seconds)  # noqa: TID251 - on purpose
                    return False
                begun = time.thread_time()
                reply = self._reply(method, target, body, fault)
                working = time.thread_time() - begun
            counters.note(template, (method, target, body), reply)
            # The time that the page took to make is part of the latency, as it is at Jira.
            rest = self.latency - (time.monotonic() - arrived)
            if rest > 0:
                time.sleep(rest)  # noqa: TID251 - on purpose
            cut = fault if isinstance(fault, str) else None
            sent, last = _send(connection, reply.status, reply.headers, reply.parts, cut=cut)
        finally:
            # Whoever has the last octet may ask again at once: he is not to be seen in flight twice.
            counters.leave(sent, working)
        connection.sendall(last)
        return fault != "drop"

    def _reply(self, method: str, target: str, body: bytes, fault: str | Refusal | None) -> Reply:
        if isinstance(fault, Refusal):
            return Reply([fault.body], status=fault.status, headers=fault.headers)
        try:
            reply = self.routes.answer(read_call(method, target, body), fault)
        except Refused as refused:
            return _refused(refused.status, refused.message)
        # Joined before the wait: only sending comes after it.
        reply.parts = [b"".join(reply.parts)]
        return reply

    def _control(self, target: str, body: bytes) -> bytes:
        given: dict[str, Any] = orjson.loads(body) if body else {}
        if target == "/bench/reset":
            self.counters = self.faults.counters = Counters()
        elif target == "/bench/options":
            self.latency = given.pop("latency_ms", self.latency * 1000) / 1000
            if given:
                self.faults = Faults(**{**self.faults.shown(), **given}, counters=self.counters)
            return orjson.dumps({"latency_ms": self.latency * 1000, **self.faults.shown()})
        elif target == "/bench/requests":
            return orjson.dumps(self.counters.targets)
        elif target == "/bench/truth":
            # Checksums may be beyond 64 bits, hence as text.
            truth = self.world.truth().items()
            return orjson.dumps(
                {name: {"count": each["count"], "checksum": str(each["checksum"])} for name, each in truth}
            )
        return orjson.dumps(self.counters.shown(), option=orjson.OPT_NON_STR_KEYS)


def _read(reader: BufferedReader) -> tuple[str, str, dict[str, str], bytes] | None:
    """One request, or None where the client has gone."""
    line = reader.readline()
    if not line.strip():
        return None
    method, target, _ = line.decode("latin-1").split(" ", 2)
    headers: dict[str, str] = {}
    while (line := reader.readline()) not in {b"\r\n", b"\n", b""}:
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    length = int(headers.get("content-length", 0))
    return method, target, headers, reader.read(length) if length else b""


_TCP_INFO_LAST_RECEIVED = slice(52, 56)
"""Where Linux's `struct tcp_info` has the milliseconds since the last octets came."""


def _lain(connection: socket.socket) -> float:
    """Seconds that a request has lain with the kernel before a busy thread read it; 0 where the system does not say."""
    if not hasattr(socket, "TCP_INFO"):
        return 0.0
    known = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_LAST_RECEIVED.stop)
    return int.from_bytes(known[_TCP_INFO_LAST_RECEIVED], sys.byteorder) / 1000


def _send(
    connection: socket.socket, status: int, headers: dict[str, str], parts: list[bytes], *, cut: str | None = None
) -> tuple[int, bytes]:
    """Send an answer, or as much of it as a fault lets through, but for its last octet. Returns its length, and that."""
    body = parts[0] if len(parts) == 1 else b"".join(parts)
    if cut == "cut":
        body = body[: len(body) // 2]
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Content-Length: {len(body)}"]
    given = {
        "Content-Type": "application/json;charset=UTF-8",
        "Date": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime()),
    } | headers
    head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in given.items()), "", ""]).encode()
    if cut == "drop":
        body = body[: len(body) // 2]
    last = (body or head)[-1:]
    connection.sendall(head if body else head[:-1], socket.MSG_MORE)
    connection.sendall(memoryview(body)[:-1], socket.MSG_MORE)
    return len(head) + len(body), last


def _refused(status: int, message: str) -> Reply:
    return Reply([orjson.dumps({"errorMessages": [message], "errors": {}})], status=status)
