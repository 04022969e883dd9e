"""The only place that asks what time it is."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The present moment, UTC."""
    return datetime.now(UTC)


def epoch() -> int:
    """Whole seconds since 1970, as JWT claims count."""
    return int(now().timestamp())


def rfc3339(moment: datetime) -> str:
    """A moment as the API writes it: UTC, milliseconds kept, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
