"""The soak of storms in short: `python -m tests.soak storm` runs it in full, with all that can happen to a site."""

from __future__ import annotations

from dataclasses import replace

from sandbox.storm import ISSUE_KINDS
from tests.soak import storm
from tests.soak.killer import VICTIMS
from tests.soak.report import say

STORM = storm.Weather(issues=240, changes=240, rate=40.0, other_share=0.0, delay_s=4.0, lag_s=3.0, patience_s=180.0)
UNSEEN = {"delete_issue", "archive_issue", "hide_issue"}
"""What no poll sees where the webhook was lost, but sweeps: `test_gone` tells of these."""
SEEN = {kind: weight for kind, weight in ISSUE_KINDS.items() if kind not in UNSEEN}


def stormed(weather: storm.Weather) -> storm.Outcome:
    with storm.open_stage(weather) as stage:
        outcome = storm.run(weather, stage, say, is_hurried=True, issue_kinds=SEEN)
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


def test_a_storm_of_changes_ends_equal_to_the_truth() -> None:
    """One webhook in ten lost, one in ten doubled, all in any order, the index behind."""
    outcome = stormed(STORM)
    assert outcome.requests_an_issue < 0.4, outcome.by_template


def test_a_storm_in_which_every_process_and_valkey_die_ends_equal_to_the_truth() -> None:
    """Web, worker, clock and Valkey with its data, each once, at a moment that the seed draws."""
    outcome = stormed(replace(STORM, kills=1))
    assert len(outcome.kills) == len(VICTIMS)
