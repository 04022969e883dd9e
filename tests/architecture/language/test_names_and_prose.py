"""Variables are named by nouns, docstrings by plain sentences (CONTRIBUTING.md, "Taste"). The figures may only fall."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.architecture.language.census import Census, bindings, docstrings
from tests.architecture.language.vocabulary import names_a_thing
from tests.architecture.source import modules, tree_of

if TYPE_CHECKING:
    from collections.abc import Iterable


class Ceiling(NamedTuple):
    """Highest figures of a root: poor names in a hundred, clauses in a thousand words of docstrings."""

    names: float
    clauses: float


HIGHEST = Ceiling(2, 3)
"""The rule of every root; codebases of the best maintainers have 0 to 1.7 and 0.7 to 1.6."""
CEILINGS = {
    "app": Ceiling(1.4, 0.3),
    "workers": Ceiling(0.3, 0.3),
    "sandbox": Ceiling(0.3, 0.3),
    "bench": Ceiling(0.3, 0.3),
    "tests": Ceiling(0.3, 0.3),
}
SLACK = 0.3
"""Distance below a ceiling that a figure may keep: one name more or less needs no other ceiling."""
ROOTS = pytest.mark.parametrize("root", CEILINGS)


@cache
def census(root: str) -> Census:
    """The count of everything below a root."""
    figures = Census()
    for path in modules(root):
        figures.add(path, tree_of(path))
    return figures


def ranking(findings: Iterable[tuple[str, str]], limit: int = 25) -> str:
    """The most frequent words, each with its first places."""
    places: dict[str, list[str]] = defaultdict(list)
    for word, place in findings:
        places[word].append(place)
    rows = sorted(places.items(), key=lambda row: (-len(row[1]), row[0]))[:limit]
    return "\n".join(f"{len(examples):5} {word}: {', '.join(examples[:4])}" for word, examples in rows)


@ROOTS
def test_variables_are_named_by_nouns(root: str) -> None:
    figures = census(root)
    assert figures.name_share <= CEILINGS[root].names, (
        f"{len(figures.poor_names)} of {figures.bindings} names below {root}/ are participles, pronouns or adverbs."
        f" Name the thing:\n{ranking(figures.poor_names)}"
    )


@ROOTS
def test_docstrings_are_plain_sentences(root: str) -> None:
    figures = census(root)
    assert figures.clause_rate <= CEILINGS[root].clauses, (
        f"{len(figures.clauses)} clauses in {figures.words} words of docstrings below {root}/."
        f" Say it with a noun:\n{ranking(figures.clauses)}"
    )


@ROOTS
def test_a_ceiling_follows_a_falling_figure(root: str) -> None:
    figures, ceiling = census(root), CEILINGS[root]
    assert ceiling.names <= HIGHEST.names
    assert ceiling.clauses <= HIGHEST.clauses
    assert ceiling.names - figures.name_share <= SLACK, f"names are at {figures.name_share:.2f} %: lower the ceiling"
    assert ceiling.clauses - figures.clause_rate <= SLACK, (
        f"clauses are at {figures.clause_rate:.2f}: lower the ceiling"
    )


# The count itself


@pytest.mark.parametrize(
    "name",
    [
        *(
            "stored_rows",
            "found_count",
            "waiting_list",
            "started_at",
            "upper_bound",
            "cache_hit",
            "dry_run",
            "next_run",
        ),
        *("need", "speed", "heading", "findings", "string", "docstring", "error_handling", "page2", "RowMapping"),
        *("is_paired", "has_started", "may_be_deleted", "site_is_paired", "unit", "reset", "before", "now", "i"),
    ],
)
def test_a_noun_or_a_truth_value_is_a_good_name(name: str) -> None:
    assert names_a_thing(name)


@pytest.mark.parametrize(
    "name",
    [
        *("found", "held", "_known", "paired", "KEPT", "found2", "unsent", "retold", "waiting", "missing", "following"),
        *(
            "already_seen",
            "last_found",
            "rowsWritten",
            "each",
            "it",
            "others",
            "the_other",
            "what",
            "rest",
            "else_",
            "so_far",
        ),
    ],
)
def test_a_participle_or_a_pronoun_is_a_poor_name(name: str) -> None:
    assert not names_a_thing(name)


def test_every_binding_is_counted() -> None:
    source = """
import a.b as alias, plain
from c import d as d
NAME: int = 1
class Thing(NamedTuple):
    member: int
    def change(self, parameter, /, *rest, keyword=0, **more):
        self.attribute, (item, *tail) = pair = 1, (2, 3)
        for loop in (walrus := ()): loop += 1
        with x as context: [y for comprehension in y]
        try: lambda argument: 0
        except E as error: pass
        match x:
            case {"k": value, **remainder} | [value, *remainder]: pass
    def __eq__(self, other): ...
class State(enum.StrEnum):
    PAUSED = "paused"
"""
    names = sorted(name for name, _ in bindings(ast.parse(source)))
    once = "alias NAME member parameter rest keyword more attribute item tail pair walrus context comprehension argument error"
    assert names == sorted([*once.split(), *["loop", "value", "remainder"] * 2])


def test_every_kind_of_docstring_is_read() -> None:
    source = """
'module'
NAME = 1
'name'
call()
'no docstring'
class Thing:
    'thing'
    field: int
    'field'
    def method(self): 'method'
"""
    assert [text for text, _ in docstrings(ast.parse(source))] == ["module", "name", "thing", "field", "method"]


def test_clauses_are_counted_by_the_thousand_words_and_names_by_the_hundred() -> None:
    source = """'Whoever reads what is written, so   that it lasts.'
found, rows, cell, page = x
"""
    figures = Census()
    figures.add(Path("m.py"), ast.parse(source))
    assert (figures.bindings, figures.poor_names, figures.name_share) == (4, [("found", "m.py:2")], 25)
    assert (figures.words, [word for word, _ in figures.clauses]) == (9, ["whoever", "what", "so that"])
    assert figures.clause_rate == pytest.approx(333.3, abs=0.1)
