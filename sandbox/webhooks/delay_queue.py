"""Carries things when they are due, a few at a time: what is due later may arrive earlier, as on a real network."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SENDERS = 8


class Postman:
    """A heap of errands and a handful of threads, which start with the first errand."""

    def __init__(self, senders: int = SENDERS) -> None:
        """Carry at most `senders` errands at once."""
        self._senders = senders
        self._errands: list[tuple[float, int, Callable[[], None]]] = []
        self._news = threading.Condition()
        self._order = itertools.count()
        self._under_way = 0
        self._threads: list[threading.Thread] = []

    def post(self, errand: Callable[[], None], *, after: float = 0.0) -> None:
        """Run the errand in so many seconds."""
        with self._news:
            heapq.heappush(self._errands, (time.monotonic() + after, next(self._order), errand))
            if len(self._threads) < self._senders:
                thread = threading.Thread(target=self._work, name=f"postman-{len(self._threads)}", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._news.notify_all()

    @property
    def pending(self) -> int:
        """How many errands are waiting or under way."""
        with self._news:
            return len(self._errands) + self._under_way

    def wait_until_idle(self, patience: float) -> bool:
        """Wait until nothing is pending; return whether that was so in time."""
        with self._news:
            return self._news.wait_for(lambda: not self._errands and not self._under_way, patience)

    def _work(self) -> None:
        while True:
            errand = self._next()
            try:
                errand()
            finally:
                with self._news:
                    self._under_way -= 1
                    self._news.notify_all()

    def _next(self) -> Callable[[], None]:
        with self._news:
            while True:
                left = self._errands[0][0] - time.monotonic() if self._errands else None
                if left is not None and left <= 0:
                    self._under_way += 1
                    return heapq.heappop(self._errands)[2]
                self._news.wait(left)
