"""Sends prepared requests over kept-alive connections from a process of its own, and times each.

As a program it reads one JSON document (`port`, `threads`, `requests`) and writes one (`seconds`, `latencies`,
`statuses`). Requests are bytes made beforehand: this process must cost the machine as little as it can.
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
    """How a load was answered."""

    seconds: float
    latencies: list[float]
    """Milliseconds each."""
    statuses: dict[str, int]

    @property
    def per_second(self) -> float:
        """Answers a second, over all connections."""
        return len(self.latencies) / self.seconds


class UnexpectedAnswerError(Exception):
    """A benchmark of refusals would be fast and worth nothing."""


def request(method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> str:
    """A request as it goes on the wire."""
    given = {"Host": "127.0.0.1", **(headers or {}), **({"Content-Length": str(len(body))} if method != "GET" else {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n" + body.decode("latin-1")


def send(port: int, requests: Sequence[str], *, expected: int, threads: int = THREADS) -> Load:
    """Send every request once. Raises UnexpectedAnswerError unless each is answered as expected."""
    asked = json.dumps({"port": port, "threads": threads, "requests": requests})
    done = subprocess.run([sys.executable, "-m", "bench.load"], input=asked, capture_output=True, text=True, check=True)
    load = Load(**json.loads(done.stdout))
    if set(load.statuses) != {str(expected)}:
        raise UnexpectedAnswerError(f"{load.statuses} instead of {expected}")
    return load


def _serve(
    port: int, requests: Sequence[bytes], turns: count[int], latencies: list[float], statuses: Counter[str]
) -> None:
    """One connection: the next request as soon as the last was answered."""
    with socket.create_connection(("127.0.0.1", port), 60) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while (turn := next(turns)) < len(requests):
            began = time.perf_counter()
            wire.sendall(requests[turn])
            status = _answer(wire)
            latencies.append((time.perf_counter() - began) * 1000)
            statuses[status] += 1


def _answer(wire: socket.socket) -> str:
    """The status of an answer, read to its end."""
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        piece = wire.recv(65536)
        if not piece:
            return "closed"
        data += piece
    head = data[:end].lower()
    at = head.find(_LENGTH)
    length = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    missing = length - (len(data) - end - 4)
    while missing > 0:
        missing -= len(wire.recv(65536))
    return data[9:12].decode()


def main() -> None:
    """Read what to send, send it, tell how it went."""
    asked = json.load(sys.stdin)
    requests = [each.encode("latin-1") for each in asked["requests"]]
    latencies: list[float] = []
    statuses: Counter[str] = Counter()
    turns = count()
    threads = [
        threading.Thread(target=_serve, args=(asked["port"], requests, turns, latencies, statuses))
        for _ in range(asked["threads"])
    ]
    began = time.perf_counter()
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    seconds = time.perf_counter() - began
    json.dump({"seconds": seconds, "latencies": latencies, "statuses": statuses}, sys.stdout)


if __name__ == "__main__":
    main()
