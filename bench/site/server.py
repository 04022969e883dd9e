"""An HTTP/1.1 server with persistent connections and one thread per connection; it sends a body in one system call."""

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
from bench.site.routes import RefusedError, Reply, Routes, read_call

if TYPE_CHECKING:
    from io import BufferedReader

    from bench.site.world import World


@dataclass
class Site:
    """A world behind an HTTP server."""

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
        """Start serving on the loopback interface. Returns the URL."""
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def _accept(self, listener: socket.socket) -> None:
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve_connection, args=(connection,), daemon=True).start()

    def _serve_connection(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as reader:
            while (request := _read(reader)) is not None:
                arrival = time.monotonic() - _queue_time(connection)
                method, target, headers, body = request
                if target.startswith("/bench/"):
                    connection.sendall(_send(connection, 200, {}, [self._control(target, body)])[1])
                elif not self._exchange(connection, method, target, headers, body, arrival):
                    return

    def _exchange(
        self, connection: socket.socket, method: str, target: str, headers: dict[str, str], body: bytes, arrival: float
    ) -> bool:
        """Answer one REST call. Returns False where the connection must close."""
        counters = self.counters
        template = self.routes.template_of(target.partition("?")[0])
        counters.arrive(f"{method} {template}")
        byte_count = 0
        cpu_s = 0.0
        try:
            if "authorization" not in headers:
                reply = _refusal(401, "Client must be authenticated to access this resource.")
                fault: str | Refusal | None = None
            else:
                fault = self.faults.draw(method, template, target, latency=self.latency, arrival=arrival)
                if fault == "hang":
                    time.sleep(self.faults.hang_seconds)  # noqa: TID251 - on purpose
                    return False
                cpu_start = time.thread_time()
                reply = self._reply(method, target, body, fault)
                cpu_s = time.thread_time() - cpu_start
            counters.note(template, (method, target, body), reply)
            # The time for assembling the answer is part of the latency, as with Jira.
            remaining_s = self.latency - (time.monotonic() - arrival)
            if remaining_s > 0:
                time.sleep(remaining_s)  # noqa: TID251 - on purpose
            cut = fault if isinstance(fault, str) else None
            byte_count, last = _send(connection, reply.status, reply.headers, reply.parts, cut=cut)
        finally:
            # A client may send its next request after the last byte; it must not count as two in flight.
            counters.leave(byte_count, cpu_s)
        connection.sendall(last)
        return fault != "drop"

    def _reply(self, method: str, target: str, body: bytes, fault: str | Refusal | None) -> Reply:
        if isinstance(fault, Refusal):
            return Reply([fault.body], status=fault.status, headers=fault.headers)
        try:
            reply = self.routes.answer(read_call(method, target, body), fault)
        except RefusedError as error:
            return _refusal(error.status, error.message)
        # Joined before the wait, which leaves only the sending for afterwards.
        reply.parts = [b"".join(reply.parts)]
        return reply

    def _control(self, target: str, body: bytes) -> bytes:
        options: dict[str, Any] = orjson.loads(body) if body else {}
        if target == "/bench/reset":
            self.counters = self.faults.counters = Counters()
        elif target == "/bench/options":
            self.latency = options.pop("latency_ms", self.latency * 1000) / 1000
            if options:
                self.faults = Faults(**{**self.faults.as_json(), **options}, counters=self.counters)
            return orjson.dumps({"latency_ms": self.latency * 1000, **self.faults.as_json()})
        elif target == "/bench/requests":
            return orjson.dumps(self.counters.targets)
        elif target == "/bench/truth":
            # Checksums may exceed 64 bits, hence text.
            truth = self.world.truth().items()
            return orjson.dumps(
                {name: {"count": entry["count"], "checksum": str(entry["checksum"])} for name, entry in truth}
            )
        return orjson.dumps(self.counters.as_json(), option=orjson.OPT_NON_STR_KEYS)


def _read(reader: BufferedReader) -> tuple[str, str, dict[str, str], bytes] | None:
    """Read one request; None after the end of the connection."""
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


_LAST_RECEIPT_FIELD = slice(52, 56)
"""Milliseconds since the last received bytes in Linux's `struct tcp_info`."""


def _queue_time(connection: socket.socket) -> float:
    """Return the seconds between arrival at the kernel and reading; 0 on systems without this information."""
    if not hasattr(socket, "TCP_INFO"):
        return 0.0
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_RECEIPT_FIELD.stop)
    return int.from_bytes(info[_LAST_RECEIPT_FIELD], sys.byteorder) / 1000


def _send(
    connection: socket.socket, status: int, headers: dict[str, str], parts: list[bytes], *, cut: str | None = None
) -> tuple[int, bytes]:
    """Send an answer, damaged by `cut`, without its last byte. Returns the length and the last byte."""
    body = parts[0] if len(parts) == 1 else b"".join(parts)
    if cut == "cut":
        body = body[: len(body) // 2]
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Content-Length: {len(body)}"]
    all_headers = {
        "Content-Type": "application/json;charset=UTF-8",
        "Date": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime()),
    } | headers
    head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in all_headers.items()), "", ""]).encode()
    if cut == "drop":
        body = body[: len(body) // 2]
    last = (body or head)[-1:]
    connection.sendall(head if body else head[:-1], socket.MSG_MORE)
    connection.sendall(memoryview(body)[:-1], socket.MSG_MORE)
    return len(head) + len(body), last


def _refusal(status: int, message: str) -> Reply:
    return Reply([orjson.dumps({"errorMessages": [message], "errors": {}})], status=status)
