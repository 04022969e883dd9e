"""An HTTP server of a site: concurrent requests, persistent connections."""

from __future__ import annotations

import io
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from sandbox.web.application import Application

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sandbox.site import Site

_POLL_S = 0.02  # delay of a shutdown


class _KeepAliveHandler(WSGIRequestHandler):
    """Keeps connections open, as Jira does; Werkzeug's own handler closes them."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16  # headers and body leave in one segment

    def run_wsgi(self) -> None:
        """Read the whole body before the next request, and answer with a length."""
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        environ = self.make_environ()
        if self._is_out_of_order(environ):
            self.close_connection = True
            return
        self._read_body(environ)
        head: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _error: object = None) -> object:
            head[:] = [status, headers]
            return head.append  # the legacy write() is never used

        chunks: Iterable[bytes] = self.server.app(environ, start_response)  # type: ignore[arg-type]
        try:
            body = b"".join(chunks)
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
        self._answer(head[0], head[1], body)

    def _is_out_of_order(self, environ: dict[str, Any]) -> bool:
        """Whether the connection must end without an answer; controls stay available while the site is down."""
        site: Site = self.server.app.site  # type: ignore[attr-defined]  # the server serves an Application
        return site.is_down and not str(environ["PATH_INFO"]).startswith("/sandbox/")

    def _read_body(self, environ: dict[str, Any]) -> None:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            body = environ["wsgi.input"].read()
        else:
            length = self.headers.get("Content-Length", "")
            body = self.rfile.read(int(length)) if length.isdigit() else b""
        environ["wsgi.input"] = io.BytesIO(body)
        environ["sandbox.body"] = body

    def _answer(self, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            if name.lower() not in {"content-length", "connection"}:
                self.send_header(name, value)
        if code != "204":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and code != "204":
            self.wfile.write(body)
        self.wfile.flush()

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the `Date` of an answer, by the site's clock."""
        site: Site = self.server.app.site  # type: ignore[attr-defined]  # the server serves an Application
        return super().date_time_string(site.clock() / 1000 if timestamp is None else timestamp)

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - werkzeug's signature
        """Log nothing, because URLs may contain tokens."""


def _listen(site: Site, host: str, port: int, base_url: str | None) -> BaseWSGIServer:
    server = make_server(host, port, Application(site), threaded=True, request_handler=_KeepAliveHandler)
    server.daemon_threads = True  # type: ignore[attr-defined]  # threaded=True makes it a ThreadingMixIn
    server.block_on_close = False  # type: ignore[attr-defined]
    site.base_url = base_url or f"http://{host}:{server.server_port}"
    return server


@contextmanager
def serve(site: Site, port: int = 0, host: str = "127.0.0.1", base_url: str | None = None) -> Iterator[str]:
    """Serve the site in a thread during the block. Yields the base URL. Port 0 means any free port."""
    server = _listen(site, host, port, base_url)
    thread = threading.Thread(
        target=server.serve_forever, args=(_POLL_S,), name=f"sandbox:{server.server_port}", daemon=True
    )
    thread.start()
    try:
        yield site.base_url
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


def serve_forever(
    site: Site, port: int, host: str, base_url: str | None, ready: str = "sandbox site ready at {url}"
) -> None:
    """Serve the site until an interrupt. Prints one line when it accepts connections."""
    server = _listen(site, host, port, base_url)
    print(ready.format(url=site.base_url), flush=True)  # noqa: T201 - the one line of the command
    try:
        server.serve_forever()
    finally:
        server.server_close()
