"""The words for people: every word has its translation, every code its sentences and remedy, every state its words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import CheckConstraint

from app import jobs
from app.catalog.registry import all_entities
from app.integrations.model import State
from app.integrations.validate import CHECKS
from app.store import sync_tables
from app.web.words import states, terms
from app.web.words.language import LANGUAGES
from tests import words
from tests.architecture.source import ROOT

if TYPE_CHECKING:
    from sqlalchemy import Table

TRANSLATIONS = LANGUAGES[1:]
_HOLE = re.compile(r"%\((\w+)\)s")


# Translations


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_no_word_is_missing_in_any_language(language: str) -> None:
    """A new entity's label may be absent, since an entity is one file; `make words` adds it, to be translated."""
    labels = {entity.label for entity in all_entities().values()}
    messages = {message.id: message for message in words.load(language) if message.id}
    ids = {message.id for message in words.extracted() if message.id}
    assert len(ids) > 200
    assert ids - set(messages) - labels == set(), "run `make words` and translate"
    assert set(messages) - ids == set(), "run `make words`: nobody says these any more"
    gaps = [key for key, message in messages.items() if not all(_strings(message.string))]
    assert gaps == [], "translate these"
    assert [key for key, message in messages.items() if message.fuzzy] == []


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_a_translation_has_the_same_values_in_it(language: str) -> None:
    for message in words.load(language):
        for original, translation in zip(_strings(message.id), _strings(message.string), strict=True):
            assert sorted(_holes(original)) == sorted(_holes(translation)), original


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_the_compiled_catalogue_is_that_of_the_words(language: str) -> None:
    catalogue = words.path_of(language).with_suffix(".mo").read_bytes()
    assert catalogue == words.compiled(words.load(language)), "run `make words`"


def _strings(value: object) -> list[str]:
    return [str(form) for form in value] if isinstance(value, tuple | list) else [str(value or "")]


def _holes(text: str) -> list[str]:
    return _HOLE.findall(text)


# States and names


def test_every_state_has_its_sentences_and_stands_in_the_glossary() -> None:
    glossary = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    for state in State:
        entry = states.STATES[state]
        assert f"| {entry.name} | `{state.value}` | {entry.meaning} | {entry.advice} |" in glossary
        assert entry.name.lower() == state.value
        assert state in states.LOOKS


def test_every_job_result_and_cause_that_pages_show_has_a_name() -> None:
    results = "".join(str(check.sqltext) for check in _checks(sync_tables.ACTIVITY))
    assert set(re.findall(r"'([a-z ]+)'", results)) == set(terms.RESULTS)
    causes = "".join(str(check.sqltext) for check in _checks(sync_tables.ABSENCES))
    assert set(re.findall(r"'([a-z ]+)'", causes)) == set(terms.CAUSES)
    assert set(terms.JOBS) <= {spec.name for spec in jobs.ALL}


def _checks(table: Table) -> list[CheckConstraint]:
    return [constraint for constraint in table.constraints if isinstance(constraint, CheckConstraint)]


def test_every_check_has_a_name() -> None:
    assert {"paired", "reachable", "credential", *CHECKS, "chosen_projects", "query", "fields"} == set(terms.CHECKS)


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
        sentences = [string or template for string, template in texts]
        assert [text for text in sentences if re.search(r"[A-Za-z]{2,} [A-Za-z]{2,} [a-z]", text)] == [], path
