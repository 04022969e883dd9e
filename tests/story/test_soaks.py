"""The soak of crashes in short: `make soak` runs all of them in full."""

from __future__ import annotations

from bench.simulator import simulated
from tests.soak import crashes

SEED = 454


def test_backfills_in_which_processes_die_end_equal_to_the_truth() -> None:
    """Three runs: the seed has all workers die, then PostgreSQL, then Valkey with its data."""
    with simulated(800) as site:
        runs = crashes.crashes(site, 3, SEED)
    assert [run.victim for run in runs] == ["workers", "postgres", "valkey and its data"]
    assert [run.wrong for run in runs] == [[], [], []]
