"""The first command of the README: the main job, end to end."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.story.processes import ROOT

STEPS = ("installed", "paired", "verified complete", "Rows against the site", "one webhook", "change feed")
STEPS_OF_A_DIFFICULT_SITE = (*STEPS, "Parts that can’t be had", "left out", "healed", "whole")


def test_the_demo_ends_well(is_at_scale: bool) -> None:
    play("usual", STEPS)
    if is_at_scale:
        # `make test` has the same site in tests/field/test_difficult.py.
        play("difficult", STEPS_OF_A_DIFFICULT_SITE)


def play(site: str, steps: tuple[str, ...]) -> None:
    """Run the demo, and expect these steps and no wrong figure."""
    command = [sys.executable, "-m", "sandbox.demo", "--site", site]
    env = {**os.environ, "COLUMNS": "200"}
    process = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=900)
    assert process.returncode == 0, process.stdout + process.stderr
    for step in steps:
        assert step in process.stdout, step
    assert "✗" not in process.stdout
