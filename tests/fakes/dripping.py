"""A site with endless answers: it accepts every request and answers one byte at a time."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

BEGINNINGS = {
    "status": b"",
    "headers": b"HTTP/1.1 200 OK\r\nX-A: ",
    "continues": b"HTTP/1.1 100 Continue\r\n\r\n" * 3,
    "body": b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
    "pieces": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 1000000\r\n\r\n",
}
GAP = 0.3


@contextlib.contextmanager
def dripping(kind: str) -> Iterator[str]:
    """Yield the address of a site that drips from the status, the headers or the body on."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def drip(wire: socket.socket) -> None:
        with wire, contextlib.suppress(OSError):
            wire.recv(65536)
            wire.sendall(BEGINNINGS[kind])
            while not over.wait(GAP):
                wire.sendall(b"1")

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=drip, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    over.set()
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()
