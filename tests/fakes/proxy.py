"""A forward proxy on this machine: forwards plain requests to `to`, records all, tunnels nothing."""

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


class ProxyRequest(NamedTuple):
    """A request as received: a plain one with an absolute address, CONNECT with host and port."""

    method: str
    target: str
    headers: dict[str, str]


class Proxy:
    """Forwards requests for any host to the address in `to`."""

    def __init__(self) -> None:
        self.to = ""
        self.requests: list[ProxyRequest] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_CONNECT(self) -> None:
                proxy.requests.append(ProxyRequest(self.command, self.path, dict(self.headers)))
                self.close_connection = True
                self.send_error(502)

            def do_GET(self) -> None:
                proxy.requests.append(ProxyRequest(self.command, self.path, dict(self.headers)))
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                parts, destination = urlsplit(self.path), urlsplit(proxy.to)
                target = parts.path + (f"?{parts.query}" if parts.query else "")
                headers = {name: value for name, value in self.headers.items() if name.lower() not in _ONE_HOP}
                with contextlib.closing(
                    HTTPConnection(destination.hostname or "", destination.port, timeout=10)
                ) as onward:
                    onward.request(self.command, target, body or None, headers)
                    answer = onward.getresponse()
                    body_of_answer = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in {*_ONE_HOP, "content-length", "date", "server"}:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body_of_answer)))
                self.end_headers()
                self.wfile.write(body_of_answer)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@contextlib.contextmanager
def proxying() -> Iterator[Proxy]:
    """Run a proxy during the block."""
    proxy = Proxy()
    threading.Thread(target=proxy.server.serve_forever, args=(0.05,), daemon=True).start()
    yield proxy
    proxy.server.shutdown()
    proxy.server.server_close()
