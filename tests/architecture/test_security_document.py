"""docs/security.md refers to existing tests and reveals nothing about the machine on which it was written."""

from __future__ import annotations

import re

from tests.architecture.source import ROOT

TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


def test_every_file_it_names_is_there() -> None:
    paths = set(re.findall(r"`((?:tests|app|docs|bench)/[\w./-]+)`", TEXT))
    assert len(paths) > 20
    assert {path for path in paths if not (ROOT / path).exists()} == set()


def test_every_promise_names_a_file_that_holds_it() -> None:
    promises = TEXT.partition("## Promises")[2].partition("## Atlassian's requirements")[0]
    rows = [
        line
        for line in promises.splitlines()
        if line.startswith("|") and "---" not in line and "enforced by" not in line
    ]
    assert len(rows) > 30
    assert [row for row in rows if "`tests/" not in row.rsplit("|", 2)[1]] == []


def test_both_documents_are_plain() -> None:
    text = TEXT + (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    assert re.findall(r"/work/|/tmp/|/home/|pypi|index-url|[a-z0-9.-]+\.internal", text) == []
    assert max(map(len, (line for line in text.splitlines() if not line.startswith("|")))) <= 140
