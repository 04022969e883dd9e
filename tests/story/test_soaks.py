"""The soaks in short: `make soak` runs them in full."""

from __future__ import annotations

from bench.simulator import simulated
from tests.soak import crashes, faults

SEED = 454


def test_backfills_in_which_processes_die_end_equal_to_the_truth() -> None:
    """Three runs: the seed has all workers die, then Valkey with its data, then PostgreSQL."""
    with simulated(800) as site:
        runs = crashes.crashes(site, 3, SEED)
    assert {run.victim for run in runs} == {"workers", "valkey and its data", "postgres"}
    assert [run.wrong for run in runs] == [[], [], []]


def test_a_site_that_answers_a_fifth_wrongly_is_stored_whole_and_never_asked_too_early() -> None:
    with simulated(500) as site:
        found = faults.faults(site, hang_seconds=1)
    assert found.wrong == []
    assert found.counted["early"] == []
    assert sum(found.kinds.values()) > 10, "nothing was put to the test"
