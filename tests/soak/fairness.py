"""A site of 200 issues beside one of 200,000: how long until it is verified, over what it takes alone.

Both are backfilled by the same workers. The large one keeps them all busy before the small one comes, and need not end.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.soak.report import Bar, say
from tests.soak.stand import Stand, pause, standing
from tests.story.processes import wait_for

if TYPE_CHECKING:
    from bench.simulator import Simulator

MOST = 3.0
"""Times as long as alone that the small one may take, in the median."""
PATIENCE = 600.0


@dataclass
class Result:
    """Seconds until the small site was verified, run by run."""

    alone: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    large_before: int = 0
    """Issues of the large site that were stored when the first small one came, and when the last one was verified."""
    large_after: int = 0

    @property
    def ratio(self) -> float:
        return statistics.median(self.beside) / statistics.median(self.alone)


def fairness(small: Simulator, large: Simulator, *, runs: int, warm_up: int = 2000) -> Result:
    """So many small sites alone, one after the other, and as many while the large one is read."""
    found = Result()
    with standing("worker", "clock") as stand, Bar("fairness", 2 * runs) as bar:
        for number in range(runs):
            found.alone.append(_until_verified(stand, small))
            bar.advance(f"small site {number + 1} alone: verified after {found.alone[-1]:.1f} s")
        installed, integration = stand.pair(large.url)
        stand.begin(installed.tenant_id)
        wait_for(lambda: stand.stored_of(installed.tenant_id) >= warm_up, PATIENCE, stand.app.tail)
        found.large_before = stand.stored_of(installed.tenant_id)
        for number in range(runs):
            found.beside.append(_until_verified(stand, small))
            bar.advance(f"small site {number + 1} beside the large one: verified after {found.beside[-1]:.1f} s")
            pause(number)
        found.large_after = stand.stored_of(installed.tenant_id)
        assert not stand.is_verified(integration), "the large site was read to its end: it was no load"
    return found


def _until_verified(stand: Stand, site: Simulator) -> float:
    installed, integration = stand.pair(site.url)
    began = time.monotonic()
    stand.begin(installed.tenant_id)
    wait_for(lambda: stand.is_verified(integration), PATIENCE, stand.app.tail)
    return time.monotonic() - began


def told(found: Result, small: Simulator, large: Simulator) -> int:
    """Say how it went. Returns 0 where it is fair."""
    say(
        f"{small.issues:,} issues alone: {statistics.median(found.alone):.1f} s in the median of {len(found.alone)} (most"
        f" {max(found.alone):.1f}); beside {large.issues:,} issues: {statistics.median(found.beside):.1f} s (most"
        f" {max(found.beside):.1f}), {found.ratio:.2f} times as long"
    )
    say(f"the large site had {found.large_before:,} issues stored before and {found.large_after:,} after")
    return 0 if found.ratio < MOST else 1
