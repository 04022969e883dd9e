"""Waiting for room at a site: threads wake when their process releases a lease, without polling."""

from __future__ import annotations

import threading
import time


class Room:
    """Counts the leases released by this process."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self.count = 0

    def free(self) -> None:
        """Count a released lease and wake the longest waiting thread."""
        with self._condition:
            self.count += 1
            self._condition.notify()

    def wait(self, seconds: float, *, since: int) -> float:
        """Wait for a release after the `since`th, at most `seconds`. Returns the seconds waited."""
        start = time.monotonic()
        with self._condition:
            self._condition.wait_for(lambda: self.count != since, seconds)
        return time.monotonic() - start
