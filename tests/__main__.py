"""`make test`: lint, types, import contracts and every test, side by side.

Each part is a process. The suites share one PostgreSQL, in databases of their own; everything else they start
themselves. The output of a part is kept apart and printed whole when the part ends. The last lines repeat how each part
ended, in its own words. The exit status is 1 where a part fails or where a suite runs no test.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from app import embedded
from tests import databases

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
SUITES = {
    "ingest": ("tests/integration/ingest",),
    "attacks": ("tests/attacks",),
    "story/faults": ("tests/story/faults",),
    "field": ("tests/field",),
    "integration": ("tests/integration",),
    "story/pages": ("tests/story/pages",),
    "story/rows": ("tests/story/rows",),
    "hail": ("tests/attacks/hostile",),
}
"""Folders of each suite, without the suites within them. The suite `rest` holds everything else."""
CHECKS = {
    "types": ["mypy"],
    "format": ["ruff", "format", "--check", "."],
    "lint": ["ruff", "check", "."],
    "imports": ["lint-imports"],
}
CLOSING_LINE = re.compile(r"^(?=.*\b[1-9]\d* passed\b).* in [\d.]+s\b.*$", re.MULTILINE)


@dataclass(frozen=True)
class Part:
    """A command, and whether it is a suite of tests."""

    name: str
    argv: list[str]
    is_suite: bool = False


@dataclass
class Run:
    """A part that was started."""

    part: Part
    process: subprocess.Popen[bytes]
    output: Path
    started_at: float

    def report(self) -> tuple[bool, str]:
        """Print the output. Returns whether the part succeeded, and its last line."""
        text = self.output.read_text(encoding="utf-8", errors="replace")
        status, seconds = self.process.returncode, time.monotonic() - self.started_at
        write(f"\n===== {self.part.name}: exit status {status} after {seconds:.0f} s =====\n{text}")
        closing_lines = CLOSING_LINE.findall(text)
        if self.part.is_suite and not closing_lines:
            return False, "no test passed"
        lines = closing_lines or text.strip().splitlines() or ["no output"]
        return status == 0, f"{lines[-1].strip()}{f' (exit status {status})' if status else ''}"

    def stop(self) -> None:
        """End the part with all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def write(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def suite(name: str, paths: tuple[str, ...], excluded_folders: list[str], postgres: Path) -> Part:
    """A process of pytest for some folders; `excluded_folders` within them are left out."""
    within = [path for path in excluded_folders if any(path.startswith(f"{folder}/") for folder in paths)]
    argv = [sys.executable, "-m", "pytest", "-q", "--durations=40", f"--postgres={postgres}"]
    return Part(name, [*argv, *(f"--ignore={path}" for path in within), *paths], is_suite=True)


def parts(postgres: Path) -> list[Part]:
    """All parts, those first that take longest."""
    folders = [path for paths in SUITES.values() for path in paths]
    suites = [suite(name, paths, folders, postgres) for name, paths in SUITES.items()]
    checks = [Part(name, [str(BIN / argv[0]), *argv[1:]]) for name, argv in CHECKS.items()]
    return [*suites, suite("rest", ("tests",), folders, postgres), *checks]


def start(part: Part, folder: Path) -> Run:
    output = folder / f"{part.name.replace('/', '-')}.log"
    # Images of containers turn the cache of compiled modules off; here a hundred processes compile the same ones.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with output.open("wb") as file:
        process = subprocess.Popen(
            part.argv, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
        )
    return Run(part, process, output, time.monotonic())


def run_all(queue: list[Part], folder: Path, at_once: int) -> dict[str, tuple[bool, str]]:
    """Run the parts, so many at once. Returns how each ended, by name."""
    runs: list[Run] = []
    endings: dict[str, tuple[bool, str]] = {}
    try:
        while queue or runs:
            while queue and len(runs) < at_once:
                runs.append(start(queue.pop(0), folder))
            time.sleep(0.1)
            for run in [run for run in runs if run.process.poll() is not None]:
                runs.remove(run)
                endings[run.part.name] = run.report()
    finally:
        for run in runs:
            run.stop()
    return endings


def main() -> int:
    """Run everything. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests", description=__doc__)
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("--at-once", type=int, default=cores + 1, help="parts that run side by side")
    options = parser.parse_args()
    # An interrupted run must unwind, to stop the processes that it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    started_at = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tests-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with embedded.running(folder / "postgres", postgres=True, valkey=False) as servers:
            databases.prepare(str(servers.database_url))
            endings = run_all(parts(folder / "postgres"), folder, options.at_once)
    write(f"\n===== all parts after {time.monotonic() - started_at:.0f} s =====")
    for part, (is_good, line) in sorted(endings.items(), key=lambda ending: ending[1][0], reverse=True):
        write(f"{part:14}{'' if is_good else 'FAILED: '}{line}")
    return 0 if all(is_good for is_good, _ in endings.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
