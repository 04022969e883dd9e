"""Time to verify a site of 200 issues beside one of 200,000, relative to the time it takes alone.

Both are backfilled by the same workers. The large one keeps them all busy before the small one arrives, and need not end.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.soak.report import Bar, say
from tests.soak.stand import Stand, pause, running_stand
from tests.story.processes import wait_for

if TYPE_CHECKING:
    from bench.simulator import Simulator

HIGHEST_RATIO = 3.0
"""Highest median of the time beside the large site over the time alone."""
PATIENCE = 600.0


@dataclass
class Result:
    """Seconds until the small site was verified, run by run."""

    alone: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    large_before: int = 0
    """Stored issues of the large site when the first small one arrives, and when the last one is verified."""
    large_after: int = 0

    @property
    def ratio(self) -> float:
        return statistics.median(self.beside) / statistics.median(self.alone)


def fairness(small: Simulator, large: Simulator, *, runs: int, warm_up: int = 2000) -> Result:
    """Backfill small sites one after the other, first alone, then while the large one is backfilled."""
    result = Result()
    with running_stand("worker", "clock") as stand, Bar("fairness", 2 * runs) as bar:
        for number in range(runs):
            result.alone.append(_until_verified(stand, small))
            bar.advance(f"small site {number + 1} alone: verified after {result.alone[-1]:.1f} s")
        installation, integration = stand.pair(large.url)
        stand.begin(installation.tenant_id)
        wait_for(lambda: stand.stored_of(installation.tenant_id) >= warm_up, PATIENCE, stand.app.tail)
        result.large_before = stand.stored_of(installation.tenant_id)
        for number in range(runs):
            result.beside.append(_until_verified(stand, small))
            bar.advance(f"small site {number + 1} beside the large one: verified after {result.beside[-1]:.1f} s")
            pause(number)
        result.large_after = stand.stored_of(installation.tenant_id)
        assert not stand.is_verified(integration), "the large site was read to its end: it was no load"
    return result


def _until_verified(stand: Stand, site: Simulator) -> float:
    installation, integration = stand.pair(site.url)
    start = time.monotonic()
    stand.begin(installation.tenant_id)
    wait_for(lambda: stand.is_verified(integration), PATIENCE, stand.app.tail)
    return time.monotonic() - start


def report(result: Result, small: Simulator, large: Simulator) -> int:
    """Print the times. Returns the exit status."""
    say(
        f"{small.issues:,} issues alone: {statistics.median(result.alone):.1f} s in the median of {len(result.alone)} (most"
        f" {max(result.alone):.1f}); beside {large.issues:,} issues: {statistics.median(result.beside):.1f} s (most"
        f" {max(result.beside):.1f}), {result.ratio:.2f} times as long"
    )
    say(f"the large site had {result.large_before:,} issues stored before and {result.large_after:,} after")
    return 0 if result.ratio < HIGHEST_RATIO else 1
