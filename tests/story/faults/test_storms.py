"""The short form of the soak of storms; `python -m tests.soak storm` runs the long one with all kinds of changes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sandbox.storm import ISSUE_KINDS
from tests.soak import storm
from tests.soak.killer import VICTIMS
from tests.soak.report import say

if TYPE_CHECKING:
    from collections.abc import Iterator

STORM = storm.Weather(issues=120, changes=120, rate=40.0, other_share=0.0, delay_s=4.0, lag_s=3.0, patience_s=180.0)
SWEEP_KINDS = {"delete_issue", "archive_issue", "hide_issue"}
"""Changes that only sweeps find after a lost webhook; `test_gone` covers these."""
POLL_KINDS = {kind: weight for kind, weight in ISSUE_KINDS.items() if kind not in SWEEP_KINDS}


@pytest.fixture(scope="module")
def stage() -> Iterator[storm.Stage]:
    """One site and one product for all storms: their start takes longer than a storm."""
    with storm.open_stage(STORM) as new_stage:
        yield new_stage


def survive(weather: storm.Weather, stage: storm.Stage) -> storm.Outcome:
    outcome = storm.run(weather, stage, say, is_hurried=True, issue_kinds=POLL_KINDS)
    for line in storm.report(weather, outcome):
        say(line)
    assert outcome.changed_issues > weather.issues * 0.9
    assert outcome.loss_count > 0
    assert [*map(str, outcome.differences)] == []
    assert outcome.polled_after_s is not None, "webhooks and polls alone did not bring it"
    assert outcome.sweep_count == 0
    assert outcome.feed_problems == []
    assert outcome.failures == []
    return outcome


def test_a_storm_of_changes_ends_equal_to_the_truth(stage: storm.Stage) -> None:
    """One webhook in ten is lost, one in ten repeated, all arrive in any order, and the index lags."""
    outcome = survive(STORM, stage)
    assert outcome.requests_an_issue < 0.4, outcome.by_template


def test_a_storm_in_which_every_process_and_valkey_die_ends_equal_to_the_truth(stage: storm.Stage) -> None:
    """Web, worker, clock and Valkey with its data are killed once each, at random moments."""
    outcome = survive(replace(STORM, kills=1, seed=2), stage)
    assert len(outcome.kills) == len(VICTIMS)
