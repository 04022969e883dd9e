"""Renews the leases of requests in flight, from one thread a process.

Leases can therefore be short: a request may take long, and the slot of a killed worker is soon free again.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class Leases:
    """The leases of this process by site. The thread ends when it finds none."""

    def __init__(self, renew: Callable[[str, Sequence[str]], object], *, interval: float) -> None:
        """Call `renew` with a site and its leases every `interval` seconds; it must never raise."""
        self._renew = renew
        self._interval = interval
        self._sites: dict[str, str] = {}
        self._is_kept = False
        self._lock = threading.Lock()
        self._timer = threading.Event()

    @contextmanager
    def holding(self, site: str, lease: str) -> Iterator[None]:
        """Keep a lease renewed while the body runs."""
        with self._lock:
            self._sites[lease] = site
            if not self._is_kept:
                self._is_kept = True
                threading.Thread(target=self._keep, name="leases", daemon=True).start()
        try:
            yield
        finally:
            with self._lock:
                del self._sites[lease]

    def _keep(self) -> None:
        while not self._timer.wait(self._interval):
            by_site: defaultdict[str, list[str]] = defaultdict(list)
            with self._lock:
                for lease, site in self._sites.items():
                    by_site[site].append(lease)
                self._is_kept = bool(by_site)
            if not by_site:
                return
            for site, leases in by_site.items():
                self._renew(site, leases)
