"""Kills the product's processes and Valkey at seeded moments of a storm."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from typing import TYPE_CHECKING

from app import embedded
from tests.soak.watch import Aside

if TYPE_CHECKING:
    from pathlib import Path

    from tests.soak.storm import Stage, Weather

VICTIMS = ("web", "worker", "clock", "valkey")


class Killer(Aside):
    """Kills each role at seeded moments of the storm and starts it again a moment later."""

    def __init__(self, weather: Weather, stage: Stage) -> None:
        super().__init__("killer")
        self._stage = stage
        chance = random.Random(weather.seed)
        length = weather.changes / weather.rate
        moments = [(chance.uniform(0.02, 0.98) * length, role) for role in VICTIMS for _ in range(weather.kills)]
        self._moments = sorted(moments)
        self._pause = chance
        self.kills: list[str] = []
        self.failures: list[str] = []

    def work(self) -> None:
        start = time.monotonic()
        for moment, role in self._moments:
            time.sleep(max(0.0, start + moment - time.monotonic()))
            self._kill(role)
            self.kills.append(f"{role} after {time.monotonic() - start:.1f} s")

    def _kill(self, role: str) -> None:
        if role == "valkey":
            kill_valkey(self._stage.folder / "var")
            return
        if self._stage.app.processes[role].poll() is not None:
            self.failures.append(f"{role} before it was killed")
        self._stage.app.kill(role)
        time.sleep(self._pause.uniform(0.1, 0.5))
        self._stage.app.start(role)


def kill_valkey(var: Path) -> None:
    """Send SIGKILL, delete the data, start it again empty at the same address."""
    os.kill(int((var / "valkey" / "server.pid").read_text(encoding="utf-8")), signal.SIGKILL)
    time.sleep(0.1)
    shutil.rmtree(var / "valkey" / "appendonlydir", ignore_errors=True)
    with embedded.running(var, postgres=False, valkey=True):
        pass  # this process is a member already: the server stays up
