"""What people are told: every word has its translation, every error its entry and remedy, every state its sentences."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import CheckConstraint

from app import jobs
from app.catalog.registry import all_entities
from app.errors import JiraFailure, Refused, Unavailable, Unproven
from app.ingest.proof import verification
from app.integrations.model import State
from app.store import sync_tables
from app.web.words import errors, states, terms
from app.web.words.language import LANGUAGES
from tests import words
from tests.architecture.source import ROOT, modules, tree_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Table

NOT_FOR_PEOPLE = {
    "app/actions/verify.py": "the command line's",
    "app/doors/install_keys.py": "Jira is answered",
    "app/handoff/feed.py": "programs read the feed",
    "app/integrations/accounts.py": "the command line's",
    "app/pairing/attempts.py": "its sentences are put together; the test below has them",
    "app/store/migrations/runner.py": "the command line's",
    "app/web/commands.py": "the command line's",
    "app/web/connect.py": "Jira is answered",
}
"""Files whose errors no person meets on a page, each with its reason."""
OTHERS = LANGUAGES[1:]
_HOLE = re.compile(r"%\((\w+)\)s|%%s")


# Translations


@pytest.mark.parametrize("language", OTHERS)
def test_no_word_is_missing_in_any_language(language: str) -> None:
    held = {message.id: message for message in words.load(language) if message.id}
    wanted = {message.id for message in words.extracted() if message.id}
    assert len(wanted) > 200
    assert wanted - set(held) == set(), "run `make words` and translate"
    assert set(held) - wanted == set(), "run `make words`: nobody says these any more"
    missing = [key for key, message in held.items() if not all(_strings(message.string))]
    assert missing == [], "translate these"
    assert [key for key, message in held.items() if message.fuzzy] == []


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_has_the_same_values_in_it(language: str) -> None:
    for message in words.load(language):
        for original, translated in zip(_strings(message.id), _strings(message.string), strict=True):
            assert sorted(_holes(original)) == sorted(_holes(translated)), original


@pytest.mark.parametrize("language", OTHERS)
def test_the_compiled_catalogue_is_that_of_the_words(language: str) -> None:
    compiled = words.path_of(language).with_suffix(".mo").read_bytes()
    assert compiled == words.compiled(words.load(language)), "run `make words`"


def _strings(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, tuple | list) else [str(value or "")]


def _holes(text: str) -> list[str]:
    return [match.group() for match in _HOLE.finditer(text)]


# Errors


def test_every_sentence_that_is_raised_for_people_has_its_entry() -> None:
    found = {f"{path}: {said}" for path, said in raised() if errors.find(said) is None}
    assert found == set(), "add these to app/web/words/refusals.py, each with what people read and what they do"


def test_every_reason_that_is_kept_with_a_state_has_its_entry() -> None:
    found = {f"{path}: {said}" for path, said in reasons() if errors.find(said) is None}
    assert found == set(), "add these to app/web/words/findings.py, each with what people read and what they do"


@pytest.mark.parametrize(
    "what", ["Too many tries.", "Too many one-time passwords were generated.", "Too many tries to sign in."]
)
def test_limits_that_a_person_meets_have_their_entries(what: str) -> None:
    assert what in (ROOT / "app/pairing/attempts.py").read_text(encoding="utf-8")
    found = errors.find(f"{what} Try again in 3 minutes.")
    assert found is not None
    assert found[1] == {"minutes": "3"}


def test_the_files_that_are_left_out_are_there() -> None:
    assert {str(path) for path in modules("app")} >= set(NOT_FOR_PEOPLE)


def test_an_entry_says_what_happened_and_what_to_do_without_codes() -> None:
    for entry in errors.CATALOGUE:
        for sentence in (entry.says, entry.do):
            plain = re.sub(r"%\(\w+\)s|customfield_10016", "", sentence)
            assert not re.search(r"[{}_<>]|HTTP|\b[45]\d\d\b|Exception|Error\b", plain), sentence
            assert not sentence or sentence.endswith((".", ":", "%(incident)s")), sentence
        assert entry.says
        assert errors.find(re.sub(r"\{\w+\}", "7", entry.raised)) is not None


def test_one_sentence_is_in_the_catalogue_once() -> None:
    said = [entry.raised for entry in errors.CATALOGUE]
    assert len(said) == len(set(said))


def raised() -> Iterator[tuple[str, str]]:
    """Every sentence that app code raises for a person, with values made up."""
    kinds = {each.__name__ for each in _all_of(Refused) | _all_of(Unavailable)} - {Unproven.__name__}
    for path in modules("app"):
        if str(path) in NOT_FOR_PEOPLE or path.parts[1] == "jira":
            continue
        for node in ast.walk(tree_of(path)):
            call = node.exc if isinstance(node, ast.Raise) else None
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in kinds:
                yield str(path), _said(call.args[0], path)


def reasons() -> Iterator[tuple[str, str]]:
    """Every reason that app code keeps with a state."""
    for path in modules("app"):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in {"move_to", "let_go", "unpair"}:
                    yield from (
                        (str(path), said)
                        for each in node.keywords
                        if each.arg == "reason"
                        for said in _all_said(each.value, path)
                    )
                elif name == "tell" and len(node.args) == 3:
                    yield from ((str(path), said) for said in _all_said(node.args[2], path))
            elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "reason":
                yield from ((str(path), said) for said in _all_said(node.value, path))


def _all_of(kind: type) -> set[type]:
    return {kind}.union(*(_all_of(each) for each in kind.__subclasses__()))


def _all_said(node: ast.expr, path: Path) -> list[str]:
    if isinstance(node, ast.IfExp):
        return [*_all_said(node.body, path), *_all_said(node.orelse, path)]
    if isinstance(node, ast.Name) and node.id not in _constants(path):
        return []  # a parameter: whoever gives it is looked at
    if isinstance(node, ast.Call):
        return []  # the words of an error, which are looked at where it is raised
    if isinstance(node, ast.Attribute):
        return [_constants(ROOT.joinpath("app/pairing/unpair.py").relative_to(ROOT))[node.attr]]
    return [_said(node, path)]


def _said(node: ast.expr, path: Path) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(each.value) if isinstance(each, ast.Constant) else "7" for each in node.values)
    if isinstance(node, ast.Name):
        return _constants(path)[node.id]
    raise AssertionError(f"{path}: say it in one place, in words that can be found: {ast.unparse(node)}")


def _constants(path: Path) -> dict[str, str]:
    return {
        node.targets[0].id: str(node.value.value)
        for node in tree_of(path).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }


# States and names


def test_every_state_has_its_sentences_and_stands_in_the_glossary() -> None:
    glossary = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    for state in State:
        found = states.STATES[state]
        assert f"| {found.name} | `{state.value}` | {found.means} | {found.do} |" in glossary
        assert found.name.lower() == state.value
        assert state in states.LOOKS


def test_every_job_result_and_cause_that_pages_show_has_a_name() -> None:
    held = "".join(str(each.sqltext) for each in _checks(sync_tables.ACTIVITY))
    assert set(re.findall(r"'([a-z ]+)'", held)) == set(terms.RESULTS)
    causes = "".join(str(each.sqltext) for each in _checks(sync_tables.ABSENCES))
    assert set(re.findall(r"'([a-z ]+)'", causes)) == set(terms.CAUSES)
    assert set(terms.JOBS) <= {each.name for each in jobs.ALL}


def _checks(table: Table) -> list[CheckConstraint]:
    return [each for each in table.constraints if isinstance(each, CheckConstraint)]


@pytest.mark.parametrize("parked", [0, 1, 3])
@pytest.mark.parametrize("is_retried", [True, False])
def test_what_is_said_of_missing_rows_has_its_entry(
    monkeypatch: pytest.MonkeyPatch, parked: int, is_retried: bool
) -> None:
    monkeypatch.setattr(verification.poison, "count", lambda *_: parked)
    short = [verification.Finding("issue", "1", 7, 9, "m")]
    found = errors.find(verification._missing(None, short, is_retried=is_retried))  # type: ignore[arg-type]  # it only counts
    assert found is not None
    assert (found[1]["missing"], found[1]["expected"]) == ("2", "9")


def test_every_entity_check_and_stop_has_a_name() -> None:
    assert set(terms.ENTITIES) == set(all_entities())
    assert set(terms.STOPS) == {each.word for each in _all_of(JiraFailure)} - {"failed"}
    named = {
        str(node.args[0].value)
        for node in ast.walk(tree_of(ROOT.joinpath("app/integrations/validate.py").relative_to(ROOT)))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "Check"
        and isinstance(node.args[0], ast.Constant)
    }
    assert named | {"reachable", "credential", "projects"} == set(terms.CHECKS)


# Templates and scripts


def test_no_template_has_code_or_style_in_it() -> None:
    for path in (ROOT / "app/web/templates").glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert re.findall(r"<script(?![^>]*\bsrc=)", text) == [], path
        assert re.findall(r"<style|\sstyle=|\son[a-z]+=|javascript:", text) == [], path


def test_scripts_say_nothing_of_their_own() -> None:
    """Words come from the server in the reader's language; a sentence in a script would be English for all."""
    for path in (ROOT / "app/web/static").glob("*.js"):
        code = re.sub(r"/\*.*?\*/|(?<!:)//[^\n]*", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        texts = re.findall(r'"([^"\n]*)"|`([^`]*)`', code)
        said = [one or other for one, other in texts]
        assert [each for each in said if re.search(r"[A-Za-z]{2,} [A-Za-z]{2,} [a-z]", each)] == [], path
