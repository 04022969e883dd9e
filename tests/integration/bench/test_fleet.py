"""The fleet's simulation in its short form: every tenant gets its first page soon, whoever came before it."""

from __future__ import annotations

import statistics

import pytest

from bench import fleet


@pytest.mark.parametrize("days", [1, 14])
def test_nobody_waits_for_the_end_of_somebody_elses_backfill(days: int) -> None:
    ours, theirs = fleet.simulate(50, over=days * 86_400, seed=2)
    assert max(ours.waits) < 24 < statistics.median(theirs.waits)
    assert ours.waste < 0.1
    assert ours.live_refusals == 0
    assert ours.complete < 1.2 * theirs.complete


def test_sizes_are_long_tailed_within_bounds_and_the_same_each_time() -> None:
    made = fleet.fleet(5000, over=0, seed=1)
    sizes = sorted(each.issues for each in made)
    assert made == fleet.fleet(5000, over=0, seed=1)
    assert sizes[0] >= fleet.SMALLEST
    assert sizes[-1] <= fleet.LARGEST
    assert 1500 < statistics.median(sizes) < 2500
    assert sum(sizes[-500:]) > sum(sizes) / 2, "a tenth of the tenants have more than half of the issues"
