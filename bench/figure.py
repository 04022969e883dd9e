"""What a benchmark found, and how it is told."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Figure:
    """One measurement: how much of a unit, in milliseconds at the 99th percentile where single calls were timed."""

    name: str
    value: float
    unit: str
    count: int
    """How many calls, rows or other things were measured."""
    p99_ms: float | None = None
    ratio: float | None = None
    """To the same unit of the run's simplest request, which says how much of the figure is the machine."""
    note: str = ""


def p99(latencies: Sequence[float]) -> float:
    """The nearest-rank 99th percentile."""
    return sorted(latencies)[max(0, math.ceil(len(latencies) * 0.99) - 1)]


def table(figures: Sequence[Figure]) -> str:
    """Figures side by side."""
    rows = [("benchmark", "value", "unit", "p99 ms", "of livez", "count", "note")]
    rows += [
        (
            each.name,
            f"{each.value:,.0f}",
            each.unit,
            "" if each.p99_ms is None else f"{each.p99_ms:.1f}",
            "" if each.ratio is None else f"{each.ratio:.3f}",
            str(each.count),
            each.note,
        )
        for each in figures
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
