"""Threads of one backfill worker, and the renewal of their leases.

A thread without work waits for news from another one; when all wait, the work is over. One renewer keeps the leases of all
threads, since Jira may take longer for a page than a lease lasts.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Self, TypeVar

from app import clock, logs
from app.errors import Unavailable
from app.store import checkpoints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from uuid import UUID

    from app.ingest.backfill.time_slice import TimeSlice
    from app.store.checkpoints import Chunk
    from app.store.session import Store

log = logs.get(__name__)

T = TypeVar("T")
_PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Seconds between tries while the database is away; together shorter than a lease."""


def retry_while_unavailable(act: Callable[[], T], *, pause: Callable[[float], object] | None = None) -> T:
    """Run a database operation, again a few times while the database is away: Jira need not be read again for it.

    A commit with a lost answer may run twice: the second run changes nothing, or finds the lease gone. Raises Unavailable
    where the database stays away.
    """
    for seconds in _PAUSES:
        try:
            return act()
        except Unavailable as failure:
            log.warning("waiting for the database", reason=str(failure), seconds=seconds)
            (pause or threading.Event().wait)(seconds)
    return act()


class WorkerThreads:
    """A fixed number of threads with one kind of work."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._news = threading.Condition()
        self._count = 0
        self._idle = 0
        self._is_over = False

    def notify(self) -> None:
        """Wake waiting threads: there may be work."""
        with self._news:
            self._count += 1
            self._news.notify_all()

    def run(self, take_turn: Callable[[int], bool], deadline: TimeSlice) -> None:
        """Let every thread take turns until the time slice is over or no thread finds work.

        A turn gets the thread's number, from 0, and returns whether it found work.
        """
        with ThreadPoolExecutor(self._size, thread_name_prefix="crew") as pool:
            for member in [
                pool.submit(self._work, partial(take_turn, number), deadline) for number in range(self._size)
            ]:
                member.result()

    def _work(self, take_turn: Callable[[], bool], deadline: TimeSlice) -> None:
        try:
            while not deadline.is_over():
                news_count = self._count
                if not take_turn() and not self._wait(news_count, deadline.until):
                    return
        finally:
            # Whoever waits for news must not wait for the end of a slice that is over, nor of one that failed.
            self._end()

    def _wait(self, news_count: int, until: datetime) -> bool:
        """Wait for news since a count. Returns False when there will be none."""
        with self._news:
            self._idle += 1
            try:
                if self._idle == self._size:
                    self._is_over = True
                    self._news.notify_all()
                while self._count == news_count and not self._is_over:
                    if not self._news.wait((until - clock.now()).total_seconds()):
                        return False
                return not self._is_over
            finally:
                self._idle -= 1

    def _end(self) -> None:
        with self._news:
            self._is_over = True
            self._news.notify_all()


class LeaseRenewer:
    """Renews the leases of claimed chunks, from a thread of its own."""

    def __init__(self, store: Store, tenant_id: UUID) -> None:
        self._store = store
        self._tenant_id = tenant_id
        self._chunks: dict[UUID, Chunk] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="keeper", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    @contextmanager
    def holding(self, chunk: Chunk) -> Iterator[None]:
        """Renew a chunk's lease while the body runs."""
        self._chunks[chunk.lease] = chunk
        try:
            yield
        finally:
            del self._chunks[chunk.lease]

    def _keep(self) -> None:
        while not self._stop.wait(checkpoints.LEASE.total_seconds() / 3):
            leases = list(self._chunks)
            if not leases:
                continue
            try:
                with self._store.bound_to(self._tenant_id) as session:
                    checkpoints.renew(session, leases)
            except Unavailable as failure:
                # Whoever holds them finds out by himself when he commits a page.
                log.warning("leases not renewed", reason=str(failure))
