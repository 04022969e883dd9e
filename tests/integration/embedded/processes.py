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

    def __init__(self, var: Path, wanted: str = "postgres,valkey", user: str = "") -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("member.py")), str(var), user, wanted],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def told(self) -> dict[str, str]:
        """What it got, once it is in."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the member died before it was in"
        answer: dict[str, str] = json.loads(line)
        return answer

    def leave(self) -> None:
        """Leave in good order."""
        _, _ = self.process.communicate(timeout=SECONDS)
        assert self.process.returncode == 0

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Die with its whole process group, as under honcho or a closed terminal."""
        os.killpg(self.process.pid, number)
        self.process.communicate(timeout=SECONDS)


def is_alive(var: Path, server: str) -> bool:
    """Whether a server of this folder, or a child of one, lives."""
    return is_held(var / f"{server}.lock")


def pid_of(var: Path, server: str) -> int:
    """A server's process id, by its own account."""
    name = {"postgres": "postmaster.pid", "valkey": "server.pid"}[server]
    return int((var / server / name).read_text().split()[0])


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
