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

KILLED = ("web", "worker", "clock", "valkey")


class Killer(Aside):
    """Kills each role at seeded moments of the storm and starts it again a moment later."""

    def __init__(self, weather: Weather, here: Stage) -> None:
        super().__init__("killer")
        self._here = here
        chance = random.Random(weather.seed)
        length = weather.changes / weather.rate
        moments = [(chance.uniform(0.02, 0.98) * length, role) for role in KILLED for _ in range(weather.kills)]
        self._moments = sorted(moments)
        self._pause = chance
        self.done: list[str] = []
        self.ended: list[str] = []

    def work(self) -> None:
        began = time.monotonic()
        for moment, role in self._moments:
            time.sleep(max(0.0, began + moment - time.monotonic()))
            self._kill(role)
            self.done.append(f"{role} after {time.monotonic() - began:.1f} s")

    def _kill(self, role: str) -> None:
        if role == "valkey":
            kill_valkey(self._here.folder / "var")
            return
        if self._here.app.processes[role].poll() is not None:
            self.ended.append(f"{role} before it was killed")
        self._here.app.kill(role)
        time.sleep(self._pause.uniform(0.1, 0.5))
        self._here.app.start(role)


def kill_valkey(var: Path) -> None:
    """SIGKILL, wipe what it kept, start it again empty at the same address."""
    os.kill(int((var / "valkey" / "server.pid").read_text(encoding="utf-8")), signal.SIGKILL)
    time.sleep(0.1)
    shutil.rmtree(var / "valkey" / "appendonlydir", ignore_errors=True)
    with embedded.running(var, postgres=False, valkey=True):
        pass  # we are a member already, so it stays up
