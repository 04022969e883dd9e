"""Times in Jira's formats: milliseconds, with a numeric offset without colon, or `Z` on sprints."""

from __future__ import annotations

import time
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def now_ms() -> int:
    """Return the current time in epoch milliseconds."""
    return int(time.time() * 1000)


def parse_ms(text: str) -> int:
    """Return epoch milliseconds of an ISO time with any offset spelling (`+0800`, `+08:00`, `Z`)."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def zone(name: str) -> tzinfo:
    """Return the time zone with that IANA name."""
    return UTC if name in {"UTC", "Etc/UTC"} else ZoneInfo(name)


def in_zone(moment_ms: int, timezone: tzinfo) -> str:
    """Format a REST time, e.g. `2020-06-12T08:13:13.360+0800`."""
    # Seeding a site formats thousands of times; `strftime` takes several times as long.
    text = datetime.fromtimestamp(moment_ms // 1000, timezone).isoformat()
    return f"{text[:19]}.{moment_ms % 1000:03d}{text[19:].replace(':', '')}"


def zulu(moment_ms: int) -> str:
    """Format a time as Jira Software does on sprints, e.g. `2020-06-26T00:38:00.000Z`."""
    moment = datetime.fromtimestamp(moment_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment_ms % 1000:03d}Z"


def day(moment_ms: int) -> str:
    """Format the UTC date."""
    return f"{datetime.fromtimestamp(moment_ms // 1000, UTC):%Y-%m-%d}"
