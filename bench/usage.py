"""CPU time and peak memory of process trees, from /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def descendants(pid: int) -> list[int]:
    """Return a process and its living descendants."""
    pids = [pid]
    for child in _children(pid):
        pids += descendants(int(child))
    return pids


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process, its living descendants and its reaped children."""
    return sum(_own(descendant) for descendant in descendants(pid))


def peak_mb(pid: int) -> float:
    """Return the peak memory of a process, shared pages included."""
    lines = (_PROC / str(pid) / "status").read_text().splitlines()
    peak = next((line for line in lines if line.startswith("VmHWM")), "VmHWM: 0")
    return int(peak.split()[1]) / 1024


def _own(pid: int) -> float:
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    # utime, stime and those of reaped children: fields 14 to 17 of proc(5), minus the two before the bracket.
    return sum(map(int, fields[11:15])) / _TICK


def _children(pid: int) -> list[str]:
    try:
        tasks = list((_PROC / str(pid) / "task").iterdir())
        return [pid for task in tasks for pid in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


@dataclass(frozen=True)
class Postmaster:
    """The main process of the embedded PostgreSQL."""

    pid: int

    @classmethod
    def of(cls, folder: Path) -> Postmaster:
        """Return the server with its data below this folder."""
        return cls(int((folder / "postgres" / "postmaster.pid").read_text().split()[0]))
