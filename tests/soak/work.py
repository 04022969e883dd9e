"""Processor time of each part of a run, a figure that a busy machine cannot distort."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TICK = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def seconds(roots: Mapping[str, int]) -> dict[str, float]:
    """User and system seconds of each root process and its living descendants, by name."""
    stats = dict(_stats())
    children: dict[int, list[int]] = {}
    for pid, (parent, _) in stats.items():
        children.setdefault(parent, []).append(pid)
    return {name: _sum(root, stats, children) for name, root in roots.items()}


def _sum(root: int, stats: Mapping[int, tuple[int, float]], children: Mapping[int, list[int]]) -> float:
    pids, total = [root], 0.0
    while pids:
        pid = pids.pop()
        if pid in stats:
            total += stats[pid][1]
            pids += children.get(pid, [])
    return total


def _stats() -> Iterable[tuple[int, tuple[int, float]]]:
    for folder in _PROC.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            text = (folder / "stat").read_text()
        except OSError:
            continue  # the process has just ended
        values = text.rsplit(") ", 1)[1].split()
        # state, parent, …; 11 to 14 are user and system time, of itself and of children it has waited for
        yield int(folder.name), (int(values[1]), sum(map(int, values[11:15])) / _TICK)
