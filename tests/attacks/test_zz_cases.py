"""The table of cases is complete: every case has rows, and no row is skipped."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

from tests.attacks.cases import CASES
from tests.attacks.collected import rows_by_case
from tests.story.processes import ROOT

if TYPE_CHECKING:
    import pytest

CONNECT = {*range(1, 56), 73, 74}
"""56 to 70 concern Forge; 71 and 72 concern reports of accounts to Atlassian, which the app lacks (docs/security.md)."""
FOLDER = ROOT / "tests" / "attacks"
SUITES_OF_THEIR_OWN = ("hostile",)
"""Folders without a case, which `make test` runs apart."""


def test_every_case_has_a_row(request: pytest.FixtureRequest) -> None:
    assert set(CASES) - {case_id for case_id in CASES if isinstance(case_id, str)} == CONNECT
    session = request.session
    rows = rows_by_case(session.items) if has_whole_suite(session) else rows_of_a_collection()
    assert {str(case_id): rows[str(case_id)] for case_id in CASES if not rows[str(case_id)]} == {}
    assert set(rows) == {str(case_id) for case_id in CASES}


def has_whole_suite(session: pytest.Session) -> bool:
    """Whether this run has every test of the suite."""
    options = session.config.option
    is_selection = bool(options.keyword or options.markexpr) or any("::" in path for path in session.config.args)
    paths = {path for path in FOLDER.rglob("test_*.py") if path.parent.name not in SUITES_OF_THEIR_OWN}
    return not is_selection and paths <= {item.path for item in session.items}


def rows_of_a_collection() -> Counter[str]:
    """The rows by case of a separate collection, which takes longer."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "tests.attacks.collected", str(FOLDER)]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return Counter(line.partition(" ")[2] for line in listing.stdout.splitlines() if line.startswith("row-of "))
