"""Processes inside `running`, and the servers' own processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from app.embedded.locks import is_held

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 60


class Member:
    """A process inside `running`."""

    def __init__(self, var: Path, services: str = "postgres,valkey", user: str = "") -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("member.py")), str(var), user, services],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def addresses(self) -> dict[str, str]:
        """The server addresses, after the start."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the member died during its start"
        answer: dict[str, str] = json.loads(line)
        return answer

    def leave(self) -> None:
        """Leave in an orderly way."""
        _, _ = self.process.communicate(timeout=SECONDS)
        assert self.process.returncode == 0

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Kill the process group, like honcho or a closed terminal does."""
        os.killpg(self.process.pid, number)
        self.process.communicate(timeout=SECONDS)


def is_alive(var: Path, server: str) -> bool:
    """Whether a server of this folder or one of its children lives."""
    return is_held(var / f"{server}.lock")


def pid_of(var: Path, server: str) -> int:
    """A server's process id from its own file."""
    name = {"postgres": "postmaster.pid", "valkey": "server.pid"}[server]
    return int((var / server / name).read_text().split()[0])


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "timeout"
        time.sleep(0.02)
