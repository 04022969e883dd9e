"""A limiter that lets everything through and keeps what it was told: for tests of what stands behind it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.jira.client import Gate
from app.jira.limits import Purpose

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class OpenLimiter:
    """Admits at once."""

    admitted: list[str] = field(default_factory=list)
    settled: list[int] = field(default_factory=list)

    @contextmanager
    def admit(self, _site: str, endpoint: object, **_asked: object) -> Iterator[OpenLimiter]:
        self.admitted.append(str(endpoint))
        yield self

    def settle(self, status: int, _headers: object, _body: Any = None) -> None:
        self.settled.append(status)


def open_gate(limiter: OpenLimiter | None = None) -> Gate:
    return Gate(limiter or OpenLimiter(), "a-site", Purpose.READ_THROUGH)  # type: ignore[arg-type]  # a fake limiter
