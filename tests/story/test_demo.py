"""The first command of the README: the main job, end to end."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.story.processes import ROOT


def test_the_demo_ends_well() -> None:
    command = [sys.executable, "-m", "sandbox.demo"]
    env = {**os.environ, "COLUMNS": "200"}
    process = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=240)
    assert process.returncode == 0, process.stdout + process.stderr
    for step in ("installed", "paired", "verified complete", "Rows against the site", "one webhook", "change feed"):
        assert step in process.stdout, step
    assert "✗" not in process.stdout
