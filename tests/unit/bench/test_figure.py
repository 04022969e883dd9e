"""The benchmarks' own arithmetic."""

from __future__ import annotations

import pytest

from bench.__main__ import runs
from bench.figure import Figure, p99, table
from bench.load import request


@pytest.mark.parametrize(
    ("latencies", "percentile"),
    [
        ([7.0], 7.0),
        ([2.0, 1.0], 2.0),
        ([float(at) for at in range(1, 101)], 99.0),
        ([float(at) for at in range(200)], 197.0),
    ],
)
def test_the_99th_percentile_is_the_nearest_rank(latencies: list[float], percentile: float) -> None:
    assert p99(latencies) == percentile


def test_a_table_leaves_out_what_was_not_measured() -> None:
    lines = table(
        [Figure("rows", 12345.6, "rows/s", 10), Figure("page", 200.4, "requests/s", 5, 9.87, 0.5, "x")]
    ).splitlines()
    assert lines[1].split() == ["rows", "12,346", "rows/s", "10"]
    assert lines[2].split() == ["page", "200", "requests/s", "9.9", "0.500", "5", "x"]


def test_a_request_is_plain_http() -> None:
    assert request("GET", "/livez") == "GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    assert request("POST", "/x", {"A": "b"}, b"{}").endswith("\r\nA: b\r\nContent-Length: 2\r\n\r\n{}")


def test_every_module_with_a_run_is_found() -> None:
    assert "web" in {name for name, _ in runs()}
