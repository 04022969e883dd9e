"""The site simulator as a process of its own, and its controls."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Simulator:
    """A running site at `url`."""

    url: str
    issues: int

    def counters(self) -> dict[str, Any]:
        """Return the counters since the last reset."""
        counters: dict[str, Any] = self._ask("counters")
        return counters

    def reset(self, **options: object) -> None:
        """Reset the counters and set options such as `latency_ms`, `rates` and `burst`."""
        if options:
            requests.post(f"{self.url}/bench/options", json=options, timeout=30).raise_for_status()
        self._ask("reset")

    def truth(self) -> dict[str, dict[str, Any]]:
        """Return row count and checksum of a complete ingest, by entity."""
        truth: dict[str, dict[str, Any]] = self._ask("truth")
        return truth

    def gets(self) -> list[tuple[str, str]]:
        """Return template and target of every GET since the last reset, in order."""
        return [(template, target) for template, target in self._ask("requests")]

    def _ask(self, name: str) -> Any:  # noqa: ANN401 - JSON
        answer = requests.get(f"{self.url}/bench/{name}", timeout=600)
        answer.raise_for_status()
        return answer.json()


@contextlib.contextmanager
def simulated(issues: int) -> Iterator[Simulator]:
    """Run a site with so many issues during the block."""
    command = [sys.executable, "-m", "bench.site", "--issues", str(issues)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("no pipes")
        url = process.stdout.readline().strip()
        if not url:
            raise RuntimeError("the simulator did not start")
        try:
            yield Simulator(url, issues)
        finally:
            process.stdin.close()
            process.wait(30)
