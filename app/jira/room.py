"""Where threads of one process wait for room at a site: woken when this process gives a lease back, not by asking again."""

from __future__ import annotations

import threading
import time


class Room:
    """Counts the leases that this process has given back."""

    def __init__(self) -> None:
        self._freed = threading.Condition()
        self.count = 0

    def free(self) -> None:
        """A lease was given back: wake who has waited longest."""
        with self._freed:
            self.count += 1
            self._freed.notify()

    def wait(self, seconds: float, *, since: int) -> float:
        """Wait until a lease is given back after the `since`th, so many seconds at most. Returns how long it took."""
        began = time.monotonic()
        with self._freed:
            self._freed.wait_for(lambda: self.count != since, seconds)
        return time.monotonic() - began
