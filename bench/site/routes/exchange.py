"""One call and its reply."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import orjson

API = r"^/rest/api/(?P<version>[23])"
AGILE = r"^/rest/agile/1\.0"
Parts = list[bytes]
"""A body in pieces."""


@dataclass(frozen=True)
class Call:
    """A parsed request."""

    method: str
    path: str
    query: dict[str, list[str]]
    body: Any

    def one(self, name: str, default: str = "") -> str:
        """Return a parameter of the body or of the query; lists are joined with commas."""
        if isinstance(self.body, dict) and name in self.body:
            value = self.body[name]
            return ",".join(map(str, value)) if isinstance(value, list) else str(value)
        return ",".join(self.query.get(name, [default]))

    def number(self, name: str, default: int) -> int:
        """Return a numeric parameter."""
        return int(self.one(name) or default)

    def names(self, name: str, default: str = "") -> set[str]:
        """Return the comma-separated values of a parameter."""
        return {text.strip() for text in self.one(name, default).split(",") if text.strip()}


@dataclass
class Reply:
    """An answer before it is sent. `points` and `issues` count for limits; `whole` has issues sent with all fields."""

    parts: Parts
    status: int = 200
    points: int = 1
    issues: int = 0
    whole: Sequence[int] = ()
    headers: dict[str, str] = field(default_factory=dict)


class RefusedError(Exception):
    """An answer with another status than 2xx."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


Handler = Callable[..., Reply]
"""Called with the call, the groups of the path as keywords, and the `fault` of a search page."""
Route = tuple[str, str, Handler]
"""Pattern of the path, template for the counters, handler."""


def read_call(method: str, target: str, body: bytes) -> Call:
    """Parse a request line and body."""
    parts = urlsplit(target)
    json_body = orjson.loads(body) if body else None
    return Call(method, unquote(parts.path), parse_qs(parts.query, keep_blank_values=True), json_body)


def join(bodies: Iterable[Parts]) -> Parts:
    """Return the elements of a JSON array in pieces."""
    parts: Parts = []
    for body in bodies:
        if parts:
            parts.append(b",")
        parts += body
    return parts


def json_reply(body: Any, points: int = 1) -> Reply:  # noqa: ANN401 - JSON
    """Return a reply with a JSON body."""
    return Reply([orjson.dumps(body)], points=points)


def constant(body: Any, points: int = 1) -> Handler:  # noqa: ANN401 - JSON
    """Return a handler with one body, rendered in advance."""
    raw = orjson.dumps(body)
    return lambda _call, **_: Reply([raw], points=points)


def page(call: Call, values: Sequence[Any], cap: int) -> Reply:
    """Return one page of a list."""
    start, size = call.number("startAt", 0), min(call.number("maxResults", cap), cap)
    members = values[start : start + size]
    is_last = start + len(members) >= len(values)
    return json_reply(
        {"maxResults": size, "startAt": start, "total": len(values), "isLast": is_last, "values": members}
    )
