"""A site that says what it is told to say and keeps what it was asked: for cases the sandbox is too well-bred for."""

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


class Asked(NamedTuple):
    method: str
    target: str
    headers: Message
    body: bytes


class Says(NamedTuple):
    """One answer; `hangs` says nothing instead, until the listener ends."""

    status: int = 200
    body: bytes = b"{}"
    kind: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    hangs: bool = False


class Listener:
    """A Jira site on this machine. By default whoever is in `admins` administers it, and all else is 404."""

    def __init__(self) -> None:
        self.admins = {"admin-1"}
        self.asked: list[Asked] = []
        self.says: Callable[[Asked], Says] = self.answer
        self.over = threading.Event()
        listener = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked = Asked(self.command, self.path, self.headers, body)
                listener.asked.append(asked)
                says = listener.says(asked)
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
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, asked: Asked) -> Says:
        """Who administers the site, as Jira says it."""
        if asked.target != PERMISSIONS:
            return Says(404)
        wanted = json.loads(asked.body)
        held = wanted["globalPermissions"] if wanted["accountId"] in self.admins else []
        return Says(body=json.dumps({"globalPermissions": held, "projectPermissions": []}).encode())

    def count(self, path: str = PERMISSIONS) -> int:
        return sum(each.target == path for each in self.asked)


@contextlib.contextmanager
def listening() -> Iterator[Listener]:
    listener = Listener()
    server = listener._server
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield listener
    listener.over.set()
    server.shutdown()
    server.server_close()
