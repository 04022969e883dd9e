"""The soaks of crashes and of faults in short: `make soak` runs all of them in full."""

from __future__ import annotations

from bench.simulator import simulated
from tests.soak import crashes, faults

SEED = 454
FAULTY_SEED = 7
SHORT = tuple(form for form in faults.ALL_FORMS if form not in {"gateway", "burst, reset alone, to the minute"})
"""The two forms for which we stay away for half a minute and more are left to the whole soak."""


def test_backfills_in_which_processes_die_end_equal_to_the_truth() -> None:
    """Three runs: the seed has all workers die, then PostgreSQL, then Valkey with its data."""
    with simulated(800) as site:
        runs = crashes.crashes(site, 3, SEED)
    assert [run.victim for run in runs] == ["workers", "postgres", "valkey and its data"]
    assert [run.problems for run in runs] == [[], [], []]


def test_a_site_that_answers_one_request_in_ten_wrongly_is_read_whole_and_never_asked_too_soon() -> None:
    """One in ten, since nearly all of its time is spent in waiting as it was told: the whole soak has one in five."""
    with simulated(120) as site:
        result = faults.faults(site, share=0.5, retry_after=1, hang_seconds=1.0, forms=SHORT, seed=FAULTY_SEED)
    assert result.problems == []
    assert result.counters["early"] == []
    assert sum(result.kinds.values()) >= 4, "less would mean that little was put to the test"
