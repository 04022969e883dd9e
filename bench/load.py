"""Sends prepared requests over persistent connections from a process of its own, and times each.

As a program it reads one JSON document (`port`, `threads`, `requests`) and writes one (`seconds`, `latencies`,
`statuses`). Requests are prepared bytes, which keeps the cost of this process low.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

THREADS = 4
_LENGTH = b"content-length: "


@dataclass(frozen=True)
class Load:
    """The answers to a load."""

    seconds: float
    latencies: list[float]
    """In milliseconds."""
    statuses: dict[str, int]

    @property
    def per_second(self) -> float:
        """Answers per second across all connections."""
        return len(self.latencies) / self.seconds


class UnexpectedAnswerError(Exception):
    """An answer has another status; the benchmark would measure refusals."""


def request(method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> str:
    """Return a request as sent."""
    all_headers = {
        "Host": "127.0.0.1",
        **(headers or {}),
        **({"Content-Length": str(len(body))} if method != "GET" else {}),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in all_headers.items())
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n" + body.decode("latin-1")


def send(port: int, requests: Sequence[str], *, expected_status: int, threads: int = THREADS) -> Load:
    """Send every request once. Raises UnexpectedAnswerError for any other status than `expected_status`."""
    document = json.dumps({"port": port, "threads": threads, "requests": requests})
    process = subprocess.run(
        [sys.executable, "-m", "bench.load"], input=document, capture_output=True, text=True, check=True
    )
    load = Load(**json.loads(process.stdout))
    if set(load.statuses) != {str(expected_status)}:
        raise UnexpectedAnswerError(f"{load.statuses} instead of {expected_status}")
    return load


def _serve(
    port: int, requests: Sequence[bytes], turns: count[int], latencies: list[float], statuses: Counter[str]
) -> None:
    """Send the next requests on one connection, each after the previous answer."""
    with socket.create_connection(("127.0.0.1", port), 60) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while (turn := next(turns)) < len(requests):
            start = time.perf_counter()
            wire.sendall(requests[turn])
            status = _answer(wire)
            latencies.append((time.perf_counter() - start) * 1000)
            statuses[status] += 1


def _answer(wire: socket.socket) -> str:
    """Read an answer to its end and return its status."""
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        piece = wire.recv(65536)
        if not piece:
            return "closed"
        data += piece
    head = data[:end].lower()
    at = head.find(_LENGTH)
    length = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    missing_bytes = length - (len(data) - end - 4)
    while missing_bytes > 0:
        missing_bytes -= len(wire.recv(65536))
    return data[9:12].decode()


def main() -> None:
    """Read the document with the requests, send them, write the document with the times."""
    document = json.load(sys.stdin)
    requests = [request.encode("latin-1") for request in document["requests"]]
    latencies: list[float] = []
    statuses: Counter[str] = Counter()
    turns = count()
    threads = [
        threading.Thread(target=_serve, args=(document["port"], requests, turns, latencies, statuses))
        for _ in range(document["threads"])
    ]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    json.dump({"seconds": seconds, "latencies": latencies, "statuses": statuses}, sys.stdout)


if __name__ == "__main__":
    main()
