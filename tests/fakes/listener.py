"""A site with scripted answers that records its requests, for cases beyond the sandbox."""

from __future__ import annotations

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from email.message import Message

HANGS_FOR = 30
PERMISSIONS = "/rest/api/3/permissions/check"


class HttpRequest(NamedTuple):
    method: str
    target: str
    headers: Message
    body: bytes


class CannedAnswer(NamedTuple):
    """One answer; with `hangs` there is none until the listener ends."""

    status: int = 200
    body: bytes = b"{}"
    kind: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    hangs: bool = False


class Listener:
    """A Jira site on this machine. By default it knows the administrators in `admins` and answers 404 to all else."""

    def __init__(self) -> None:
        self.admins = {"admin-1"}
        self.requests: list[HttpRequest] = []
        self.says: Callable[[HttpRequest], CannedAnswer] = self.answer
        self.over = threading.Event()
        listener = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                http_request = HttpRequest(self.command, self.path, self.headers, body)
                listener.requests.append(http_request)
                says = listener.says(http_request)
                if says.hangs:
                    self.close_connection = True
                    listener.over.wait(HANGS_FOR)
                    return
                self.send_response(says.status)
                for name, value in (
                    ("Content-Type", says.kind),
                    ("Content-Length", str(len(says.body))),
                    *says.headers,
                ):
                    self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(says.body)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, http_request: HttpRequest) -> CannedAnswer:
        """Answer permission checks; everything else is 404."""
        if http_request.target != PERMISSIONS:
            return CannedAnswer(404)
        body = json.loads(http_request.body)
        permissions = body["globalPermissions"] if body["accountId"] in self.admins else []
        return CannedAnswer(body=json.dumps({"globalPermissions": permissions, "projectPermissions": []}).encode())

    def count(self, path: str = PERMISSIONS) -> int:
        return sum(http_request.target == path for http_request in self.requests)


@contextlib.contextmanager
def listening() -> Iterator[Listener]:
    listener = Listener()
    server = listener._server
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield listener
    listener.over.set()
    server.shutdown()
    server.server_close()
