"""Renews the leases of requests under way, from one thread a process.

So a lease may be short: a request may take its time, and the room of a worker that was killed is free again soon.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class Leases:
    """The leases of this process by site. The thread ends at a beat at which there are none."""

    def __init__(self, renew: Callable[[str, Sequence[str]], object], *, every: float) -> None:
        """`renew` is told a site and its leases, every so many seconds; it never raises."""
        self._renew = renew
        self._every = every
        self._held: dict[str, str] = {}
        self._is_kept = False
        self._lock = threading.Lock()
        self._never = threading.Event()

    @contextmanager
    def holding(self, site: str, lease: str) -> Iterator[None]:
        """Have a lease renewed while the body runs."""
        with self._lock:
            self._held[lease] = site
            if not self._is_kept:
                self._is_kept = True
                threading.Thread(target=self._keep, name="leases", daemon=True).start()
        try:
            yield
        finally:
            with self._lock:
                del self._held[lease]

    def _keep(self) -> None:
        while not self._never.wait(self._every):
            by_site: defaultdict[str, list[str]] = defaultdict(list)
            with self._lock:
                for lease, site in self._held.items():
                    by_site[site].append(lease)
                self._is_kept = bool(by_site)
            if not by_site:
                return
            for site, leases in by_site.items():
                self._renew(site, leases)
