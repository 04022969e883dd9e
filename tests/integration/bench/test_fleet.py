"""The short simulation of a fleet: every tenant gets its first page soon, regardless of earlier ones."""

from __future__ import annotations

import statistics

from bench import fleet

DAYS, DAYS_AT_SCALE = (1,), (1, 14)
"""Days over which the tenants arrive."""


def test_nobody_waits_for_the_end_of_somebody_elses_backfill(is_at_scale: bool) -> None:
    for days in DAYS_AT_SCALE if is_at_scale else DAYS:
        new_policy, old_policy = fleet.simulate(50, over=days * 86_400, seed=2)
        assert max(new_policy.waits) < 24 < statistics.median(old_policy.waits), days
        assert new_policy.waste < 0.1, days
        assert new_policy.live_refusals == 0, days
        assert new_policy.complete < 1.2 * old_policy.complete, days


def test_sizes_are_long_tailed_within_bounds_and_the_same_each_time() -> None:
    tenants = fleet.fleet(5000, over=0, seed=1)
    sizes = sorted(tenant.issues for tenant in tenants)
    assert tenants == fleet.fleet(5000, over=0, seed=1)
    assert sizes[0] >= fleet.SMALLEST
    assert sizes[-1] <= fleet.LARGEST
    assert 1500 < statistics.median(sizes) < 2500
    assert sum(sizes[-500:]) > sum(sizes) / 2, "a tenth of the tenants have more than half of the issues"
