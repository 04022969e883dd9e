"""Runs delayed tasks on a few threads. Tasks may overtake each other, as on a real network."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_THREADS = 8


class DelayQueue:
    """A heap of tasks with due times and the threads that run them; threads start with the first tasks."""

    def __init__(self, max_threads: int = MAX_THREADS) -> None:
        """Run at most `max_threads` tasks at once."""
        self._max_threads = max_threads
        self._tasks: list[tuple[float, int, Callable[[], None]]] = []
        self._condition = threading.Condition()
        self._order = itertools.count()
        self._running_count = 0
        self._threads: list[threading.Thread] = []

    def put(self, task: Callable[[], None], *, after: float = 0.0) -> None:
        """Run `task` after `after` seconds."""
        with self._condition:
            heapq.heappush(self._tasks, (time.monotonic() + after, next(self._order), task))
            if len(self._threads) < self._max_threads:
                thread = threading.Thread(target=self._work, name=f"delivery-{len(self._threads)}", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._condition.notify_all()

    @property
    def pending(self) -> int:
        """Number of tasks that wait or run."""
        with self._condition:
            return len(self._tasks) + self._running_count

    def wait_until_idle(self, timeout: float) -> bool:
        """Wait until no task waits or runs. Returns False after `timeout` seconds."""
        with self._condition:
            return self._condition.wait_for(lambda: not self._tasks and not self._running_count, timeout)

    def _work(self) -> None:
        while True:
            task = self._next()
            try:
                task()
            finally:
                with self._condition:
                    self._running_count -= 1
                    self._condition.notify_all()

    def _next(self) -> Callable[[], None]:
        with self._condition:
            while True:
                delay = self._tasks[0][0] - time.monotonic() if self._tasks else None
                if delay is not None and delay <= 0:
                    self._running_count += 1
                    return heapq.heappop(self._tasks)[2]
                self._condition.wait(delay)
