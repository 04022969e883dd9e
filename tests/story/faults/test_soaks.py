"""Short forms of the soaks of crashes and faults; `make soak` runs the long ones."""

from __future__ import annotations

from bench.simulator import simulated
from tests.soak import crashes, faults

SEED = 454
FAULTY_SEED = 7
ISSUES = 160
"""Enough for a first kill within the walks; `make soak` has more, and a hundred kills."""
SHORT = tuple(form for form in faults.ALL_FORMS if form not in {"gateway", "burst, reset alone, to the minute"})
"""Two forms are left to the long soak, since they make the app wait for more than half a minute."""


def test_backfills_in_which_processes_die_end_equal_to_the_truth() -> None:
    """Three runs: this seed kills all workers, then PostgreSQL, then Valkey with its data."""
    with simulated(ISSUES) as site:
        runs = crashes.crashes(site, 3, SEED)
    assert [run.victim for run in runs] == ["workers", "postgres", "valkey and its data"]
    assert [run.problems for run in runs] == [[], [], []]


def test_a_site_that_answers_one_request_in_ten_wrongly_is_read_whole_and_never_asked_too_soon() -> None:
    """One in ten instead of the long soak's one in five, since most of the time is spent in waits that Jira requests."""
    with simulated(120) as site:
        result = faults.faults(site, share=0.5, retry_after=1, hang_seconds=1.0, forms=SHORT, seed=FAULTY_SEED)
    assert result.problems == []
    assert result.counters["early"] == []
    assert sum(result.kinds.values()) >= 4, "less would mean that little was put to the test"
