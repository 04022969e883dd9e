"""The only place that asks what time it is."""

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
    """The first whole second not before a moment: what waits until then comes not too soon, and together."""
    return datetime.fromtimestamp(math.ceil(moment.timestamp()), UTC)


def rfc3339(moment: datetime) -> str:
    """A moment as the API writes it: UTC, milliseconds kept, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
