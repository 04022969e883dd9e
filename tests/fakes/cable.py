"""A connection between a TCP port and a unix socket, for tests that cut and restore it."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from pathlib import Path


class Cable:
    """Forwards bytes from a local TCP port to a server's unix socket."""

    def __init__(self, to: str | Path) -> None:
        self._to = str(to)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = _listener(0)
        self.port = int(self._listener.getsockname()[1])
        self._serve()

    def cut(self) -> None:
        """Stop listening and close all connections."""
        # close() alone leaves the thread in accept() and the port open.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            ends, self._open = list(self._open), set()
        for end in ends:
            _shut(end)

    def mend(self) -> None:
        """Listen again on the same port."""
        self._listener = _listener(self.port)
        self._serve()

    def _serve(self) -> None:
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self._to)
            except OSError:
                near.close()
                continue
            with self._lock:
                self._open |= {near, server}
            for source, sink in ((near, server), (server, near)):
                threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with self._lock:
            self._open -= {source, sink}
        _shut(source)
        _shut(sink)


def cable_to_postgres(database_url: str) -> tuple[Cable, str]:
    """Return a cable to the server of `postgresql://user@/name?host=/folder&port=5432`, and the cable's address."""
    parts = urlsplit(database_url)
    query = parse_qs(parts.query)
    cable = Cable(f"{query['host'][0]}/.s.PGSQL.{query['port'][0]}")
    user = parts.netloc.partition("@")[0]
    return cable, f"postgresql://{user}@127.0.0.1:{cable.port}{parts.path}"


def _listener(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    return listener


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
