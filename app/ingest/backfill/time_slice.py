"""Time slice of a worker at one tenant: until its time is up, or earlier while others wait for a worker."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from app import clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

FULL = timedelta(seconds=20)
"""Length while no other job waits."""
MINIMUM = timedelta(seconds=2)
"""Minimum while other jobs wait: starting and ending a slice costs a few tenths of a second."""
_LOOK = timedelta(seconds=0.5)


class Deadline(Protocol):
    """End of a piece of work."""

    def is_over(self) -> bool:
        """Whether to stop after this page. Once it is, it stays so."""
        ...


class TimeSlice:
    """Deadline of a worker's threads, asked between two pages; checks the queue twice a second at most."""

    def __init__(self, until: datetime, is_wanted_elsewhere: Callable[[], bool] = lambda: False) -> None:
        self.until = until
        self._is_wanted_elsewhere = is_wanted_elsewhere
        self._look_at = clock.now() + MINIMUM
        self._is_over = False

    def is_over(self) -> bool:
        """Whether to stop after this page. Once true, it stays true."""
        now = clock.now()
        if self._is_over or now >= self.until:
            return True
        if now >= self._look_at:
            self._look_at = now + _LOOK
            self._is_over = self._is_wanted_elsewhere()
        return self._is_over
