"""A forward proxy on this machine: passes plain requests on to wherever it is told, notes all, tunnels nothing."""

from __future__ import annotations

import contextlib
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

_ONE_HOP = frozenset({"connection", "proxy-connection", "proxy-authorization", "keep-alive", "transfer-encoding"})


class Passed(NamedTuple):
    """A request as it came: plain ones with a whole address, CONNECT with host and port."""

    method: str
    target: str
    headers: dict[str, str]


class Proxy:
    """Whatever host is asked for, the answer comes from where `to` says."""

    def __init__(self) -> None:
        self.to = ""
        self.passed: list[Passed] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_CONNECT(self) -> None:
                proxy.passed.append(Passed(self.command, self.path, dict(self.headers)))
                self.close_connection = True
                self.send_error(502)

            def do_GET(self) -> None:
                proxy.passed.append(Passed(self.command, self.path, dict(self.headers)))
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                parts, there = urlsplit(self.path), urlsplit(proxy.to)
                target = parts.path + (f"?{parts.query}" if parts.query else "")
                kept = {name: value for name, value in self.headers.items() if name.lower() not in _ONE_HOP}
                with contextlib.closing(HTTPConnection(there.hostname or "", there.port, timeout=10)) as onward:
                    onward.request(self.command, target, body or None, kept)
                    answer = onward.getresponse()
                    said = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in {*_ONE_HOP, "content-length", "date", "server"}:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@contextlib.contextmanager
def proxying() -> Iterator[Proxy]:
    """A proxy while the block runs."""
    proxy = Proxy()
    threading.Thread(target=proxy.server.serve_forever, args=(0.05,), daemon=True).start()
    yield proxy
    proxy.server.shutdown()
    proxy.server.server_close()
