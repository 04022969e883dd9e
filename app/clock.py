"""The only source of the current time."""

from __future__ import annotations

import math
from datetime import UTC, datetime


def now() -> datetime:
    """The present moment, UTC."""
    return datetime.now(UTC)


def epoch() -> int:
    """Whole seconds since 1970, as JWT claims count."""
    return int(now().timestamp())


def whole_second(moment: datetime) -> datetime:
    """Round a moment up to a whole second: deferred work then starts together, and never too early."""
    return datetime.fromtimestamp(math.ceil(moment.timestamp()), UTC)


def rfc3339(moment: datetime) -> str:
    """A moment in the API's format: UTC, milliseconds, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
