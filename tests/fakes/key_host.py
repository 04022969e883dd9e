"""The host of the install keys as a server of its own, healthy or faulty, for one key or for all."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Trouble = Callable[["_Handler"], None]

HANGS_FOR = 25
"""Longer than any timeout."""


class HttpKeyHost:
    """Serves `/<kid>` until it is stopped, and counts requests by path."""

    def __init__(self) -> None:
        self.keys: dict[str, bytes] = {}
        self.troubles: dict[str, Trouble] = {}
        self.counts: Counter[str] = Counter()
        self.over = threading.Event()
        self._server = _Server(("127.0.0.1", 0), self)
        self.port = int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Serve on the same port as before."""
        if self._server.is_closed:
            self._server = _Server(("127.0.0.1", self.port), self)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Stop listening and close all open connections."""
        self._server.shutdown()
        self._server.close()

    def count(self, kid: str) -> int:
        return self.counts[f"/{kid}"]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], host: HttpKeyHost) -> None:
        self.host = host
        self.is_closed = False
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: socket.socket, client_address: tuple[str, int]) -> None:  # type: ignore[override]  # it is a socket
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]  # it is a socket
        self._open.discard(request)
        super().shutdown_request(request)

    def close(self) -> None:
        self.is_closed = True
        self.server_close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that give up; some of these answers exist for them."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        host = self.server.host
        host.counts[self.path] += 1
        kid = self.path.removeprefix("/")
        trouble = host.troubles.get(kid)
        if trouble is not None:
            trouble(self)
        elif kid in host.keys:
            self.say(200, host.keys[kid], "application/x-pem-file")
        else:
            self.say(404, b"not found", "text/plain")

    def say(self, status: int, body: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def drip(self, piece: bytes) -> None:
        """Send one piece per second, for longer than any timeout."""
        until = time.monotonic() + HANGS_FOR
        while time.monotonic() < until and not self.server.host.over.is_set():
            self.wfile.write(piece)
            self.wfile.flush()
            self.server.host.over.wait(1)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def answers(status: int, body: bytes = b"", kind: str = "text/plain") -> Trouble:
    """Return one answer for any key."""
    return lambda handler: handler.say(status, body, kind)


def redirects_to_itself(handler: _Handler) -> None:
    handler.say(302, b"", "text/plain", Location=handler.path)


def is_endless(handler: _Handler) -> None:
    """Send ten megabytes that begin like a key."""
    handler.say(200, b"-----BEGIN PUBLIC KEY-----\n" + b"A" * 10_000_000, "text/plain")


def hangs(handler: _Handler) -> None:
    """Accept the request and never answer."""
    handler.close_connection = True
    handler.server.host.over.wait(HANGS_FOR)


def hangs_in_body(handler: _Handler) -> None:
    """Announce a key and send only its beginning."""
    handler.close_connection = True
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 451\r\n\r\n-----BEGIN")
    handler.wfile.flush()
    handler.server.host.over.wait(HANGS_FOR)


def drips_body(handler: _Handler) -> None:
    """Send one byte per second: every read succeeds in time, and the body never ends."""
    handler.close_connection = True
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 451\r\n\r\n")
    handler.drip(b"-")


def drips_headers(handler: _Handler) -> None:
    """Send headers one by one and never reach the body."""
    handler.close_connection = True
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    handler.drip(b"X-A: b\r\n")


def breaks_off(handler: _Handler) -> None:
    """Announce a key, send half of it and close."""
    handler.close_connection = True
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 451\r\n\r\n-----BEGIN")
