"""Times are UTC and formatted as documented for the API: RFC 3339 with milliseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import clock


def test_now_is_utc() -> None:
    assert clock.now().utcoffset() == timedelta(0)
    assert abs(clock.epoch() - clock.now().timestamp()) < 2


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05.000Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC), "2026-01-02T03:04:05.678Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 678999, tzinfo=UTC), "2026-01-02T03:04:05.678Z"),
        (datetime(2026, 1, 2, 0, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))), "2026-01-01T19:00:00.000Z"),
        (datetime(1970, 1, 1, tzinfo=UTC), "1970-01-01T00:00:00.000Z"),
    ],
)
def test_moments_are_written_with_milliseconds_in_utc(moment: datetime, text: str) -> None:
    assert clock.rfc3339(moment) == text


@given(st.datetimes(min_value=datetime(1900, 1, 2), max_value=datetime(2900, 1, 1), timezones=st.timezones()))  # noqa: DTZ001 - hypothesis adds the zone
def test_a_written_moment_reads_back_to_the_millisecond(moment: datetime) -> None:
    text = clock.rfc3339(moment)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text)
    assert timedelta(0) <= moment.astimezone(UTC) - datetime.fromisoformat(text) < timedelta(milliseconds=1)
