"""The wire to a Jira site: records the client's requests byte for byte and gives scripted answers.

Mount it where the site is: `connections.to(url).mount(url, wire)`.
"""

from __future__ import annotations

import json
from collections import deque
from email.message import Message
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import BaseAdapter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class Body:
    """The raw side of an answer in urllib3's form: pieces, possibly endless or broken off by an error."""

    def __init__(self, pieces: Iterable[bytes], headers: Mapping[str, str]) -> None:
        self._pieces = iter(pieces)
        self.size = 0
        self.is_closed = False
        message = Message()
        for name, value in headers.items():
            message[name] = value
        self._original_response = SimpleNamespace(msg=message)

    def read1(self, _size: int = -1, **_options: object) -> bytes:
        piece = next((piece for piece in self._pieces if piece), b"")
        self.size += len(piece)
        return piece

    def close(self) -> None:
        self.is_closed = True

    def release_conn(self) -> None:
        """Do nothing."""


class Wire(BaseAdapter):
    """Records requests, gives answers in the scripted order, and fails a test that requests more."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[requests.PreparedRequest] = []
        self.bodies: list[Body] = []
        self.timeouts: list[object] = []
        self._plans: deque[Callable[[requests.PreparedRequest], requests.Response]] = deque()

    def answers(self, body: Any = None, *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """Script the next answer: a value as JSON, or raw bytes."""
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        self.streams([raw], status=status, headers=headers)

    def streams(self, pieces: Iterable[bytes], *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """Script the next answer in pieces; the iterator may raise or never end."""
        self._plans.append(lambda request: self._response(request, status, headers or {}, pieces))

    def fails(self, error: requests.RequestException) -> None:
        """Raise `error` instead of the next answer."""

        def refuse(_: requests.PreparedRequest) -> requests.Response:
            raise error

        self._plans.append(refuse)

    def _response(
        self, request: requests.PreparedRequest, status: int, headers: Mapping[str, str], pieces: Iterable[bytes]
    ) -> requests.Response:
        response = requests.Response()
        response.status_code = status
        response.headers.update(headers)
        response.url = request.url or ""
        response.request = request
        response.raw = body = Body(pieces, headers)
        self.bodies.append(body)
        return response

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        self.requests.append(request)
        self.timeouts.append(options.get("timeout"))
        if not self._plans:
            raise AssertionError(f"nobody expected {request.method} {request.url}")
        return self._plans.popleft()(request)

    def close(self) -> None:
        """Do nothing."""
