"""Reads one answer off a socket without the bytes after it."""

from __future__ import annotations

import http.client
import io
import time
from typing import TYPE_CHECKING

from tests.attacks.scene import Reply

if TYPE_CHECKING:
    import socket


class _Same(io.RawIOBase):
    """A socket reader that reads one byte at a time, which leaves the next answer untouched."""

    def __init__(self, wire: socket.socket) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, into: memoryview) -> int:  # type: ignore[override]  # a buffer
        return self._wire.recv_into(into, 1)


class _Wire:
    def __init__(self, wire: socket.socket) -> None:
        self._wire = wire

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Same(self._wire), 1)


def read_reply(wire: socket.socket, start: float) -> Reply:
    """Return the next answer. Raises http.client's errors if there is none."""
    answer = http.client.HTTPResponse(_Wire(wire))  # type: ignore[arg-type]  # as much of a socket as it needs
    answer.begin()
    return Reply(answer.status, answer.headers, answer.read(), time.monotonic() - start)
