"""Figures of benchmarks and their table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Figure:
    """One measurement. `p99_ms` is set where single calls were timed."""

    name: str
    value: float
    unit: str
    count: int
    """Number of calls, rows or other things measured."""
    p99_ms: float | None = None
    ratio: float | None = None
    """Relative to the simplest request of the run, which depends on the machine alone."""
    note: str = ""


def p99(latencies: Sequence[float]) -> float:
    """Return the nearest-rank 99th percentile."""
    return sorted(latencies)[max(0, math.ceil(len(latencies) * 0.99) - 1)]


def table(figures: Sequence[Figure]) -> str:
    """Return figures as a text table."""
    rows = [("benchmark", "value", "unit", "p99 ms", "of livez", "count", "note")]
    rows += [
        (
            figure.name,
            f"{figure.value:,.0f}",
            figure.unit,
            "" if figure.p99_ms is None else f"{figure.p99_ms:.1f}",
            "" if figure.ratio is None else f"{figure.ratio:.3f}",
            str(figure.count),
            figure.note,
        )
        for figure in figures
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
