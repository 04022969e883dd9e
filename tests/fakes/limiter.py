"""A limiter that admits everything and records its calls."""

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

    admissions: list[str] = field(default_factory=list)
    settlements: list[int] = field(default_factory=list)

    @contextmanager
    def admit(self, _site: str, endpoint: object, **_options: object) -> Iterator[OpenLimiter]:
        self.admissions.append(str(endpoint))
        yield self

    def settle(self, status: int, _headers: object, _body: Any = None) -> None:
        self.settlements.append(status)


def open_gate(limiter: OpenLimiter | None = None) -> Gate:
    return Gate(limiter or OpenLimiter(), "a-site", Purpose.READ_THROUGH)  # type: ignore[arg-type]  # a fake limiter
