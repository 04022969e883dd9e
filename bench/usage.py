"""CPU time and peak memory of process trees, from /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def descendants(pid: int) -> list[int]:
    """A process and all that live below it."""
    found = [pid]
    for child in _children(pid):
        found += descendants(int(child))
    return found


def cpu_seconds(pid: int) -> float:
    """What a process, its living descendants and all that it has waited for have used."""
    return sum(_own(each) for each in descendants(pid))


def peak_mb(pid: int) -> float:
    """The most a process has ever had in memory, pages shared with others included."""
    lines = (_PROC / str(pid) / "status").read_text().splitlines()
    peak = next((line for line in lines if line.startswith("VmHWM")), "VmHWM: 0")
    return int(peak.split()[1]) / 1024


def _own(pid: int) -> float:
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    # utime, stime and those of waited-for children: fields 14 to 17 of proc(5), of which two are cut off.
    return sum(map(int, fields[11:15])) / _TICK


def _children(pid: int) -> list[str]:
    try:
        tasks = list((_PROC / str(pid) / "task").iterdir())
        return [each for task in tasks for each in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


@dataclass(frozen=True)
class Postmaster:
    """The embedded PostgreSQL's first process, found by its data folder."""

    pid: int

    @classmethod
    def of(cls, folder: Path) -> Postmaster:
        """The server whose data is below this folder."""
        return cls(int((folder / "postgres" / "postmaster.pid").read_text().split()[0]))
