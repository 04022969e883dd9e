"""The engine glossary of docs/glossary.md names modules of the project, and each term once."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.architecture.source import ROOT

ENGINE = (ROOT / "docs/glossary.md").read_text(encoding="utf-8").partition("## Engine glossary")[2]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in ENGINE.splitlines()
    if line.startswith("| ") and not line.startswith("| term")
]


def test_the_engine_glossary_is_there() -> None:
    assert len(ROWS) > 50


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_term_has_one_sentence_and_modules_that_exist(row: list[str]) -> None:
    _, meaning, place = row
    assert meaning.endswith(".")
    modules = re.findall(r"`([\w.]+)`", place)
    assert modules
    paths = [ROOT / module.replace(".", "/") for module in modules]
    assert [str(path) for path in paths if not (path.is_dir() or path.with_suffix(".py").is_file())] == []


def test_a_term_is_explained_once() -> None:
    assert [term for term, count in Counter(row[0] for row in ROWS).items() if count > 1] == []
