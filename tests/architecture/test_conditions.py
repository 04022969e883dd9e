"""Conditions: every code has words in each language and is used, and takes the parameters that its sentences have."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from flask import Flask

from app.conditions import Code, Condition
from app.errors import CodedError, JiraFailure, Refused, Unavailable, Unproven
from app.ingest.proof import verification
from app.web.words import language, sentences
from app.web.words.checks import CHECKS
from app.web.words.failures import FAILURES, STOPS
from app.web.words.findings import REASONS
from app.web.words.hygiene import HYGIENE
from app.web.words.programs import PROGRAMS
from app.web.words.records import EVIDENCE, LEFT_OUT
from app.web.words.refusals import REFUSALS
from app.web.words.runs import RUNS
from tests import words
from tests.architecture.source import modules, tree_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

T = TypeVar("T")
NOT_FOR_PEOPLE = {
    "app/actions/verify.py": "the command line's",
    "app/doors/install_keys.py": "Jira is answered",
    "app/handoff/cursor.py": "programs read the feed",
    "app/handoff/epochs.py": "programs read the feed",
    "app/handoff/feed.py": "programs read the feed",
    "app/integrations/accounts.py": "the command line's",
    "app/store/migrations/runner.py": "the command line's",
    "app/web/commands.py": "the command line's",
    "app/web/connect.py": "Jira is answered",
}
"""Files with errors that no person meets on a page, each with its reason."""
SOURCES = sorted(modules("app", "workers"))
SAMPLES: dict[str, Any] = {
    "missing": {"issue": 2, "comment": 1},
    "expected": {"issue": 9, "comment": 3},
    "causes": {"deleted": 2},
    "why": Condition(Code.ANSWERED, status=503, endpoint="GET /rest/api/3/myself"),
    **dict.fromkeys(("age", "records", "parts", "minutes", "status"), 7),
}
OWN_KEYWORDS = {"retry_at", "retry_after", "is_credential", "quoted_ids"}
"""Of errors beside those of their conditions."""
_HOLE = re.compile(r"%\((\w+)\)s")


def test_every_code_has_its_words_and_no_other() -> None:
    parts = (REFUSALS, PROGRAMS, REASONS, CHECKS, HYGIENE, FAILURES, STOPS, LEFT_OUT, EVIDENCE, RUNS)
    assert set(sentences.CATALOGUE) == set(Code), "add the words of these codes to app/web/words, or drop the codes"
    assert sum(map(len, parts)) == len(Code), "the words of one code stand in one place"


def test_every_code_is_used_outside_its_words() -> None:
    code_names = {code for path in SOURCES if not is_catalogue(path) for code in codes_in(tree_of(path))}
    assert {code.name for code in Code} - code_names == set(), (
        "nothing raises or stores these: drop them and their words"
    )


def test_every_condition_is_made_with_the_parameters_of_its_code() -> None:
    faults = [
        f"{path}:{call.lineno}: {code.name} takes {sorted(code.params)}"
        for path in SOURCES
        for call in calls_with_codes(path)
        for code in named_by(call.args[0])
        if not any(keyword.arg is None for keyword in call.keywords)
        and {str(keyword.arg) for keyword in call.keywords} - OWN_KEYWORDS != code.params
    ]
    assert faults == []


def test_words_have_the_parameters_of_their_code_and_no_other() -> None:
    for code, entry in sentences.CATALOGUE.items():
        sum_names = {"rows"} if {"missing", "expected"} <= code.params else set[str]()
        holes = {name for words in entry for name in _HOLE.findall(words)}
        assert holes <= code.params | sum_names, code
        read_names = holes | ({"missing", "expected"} if sum_names else set())
        assert code.params - read_names <= {"endpoint"}, f"only logs have these: {code}"


def test_no_parameter_hides_the_code_of_a_stored_condition() -> None:
    assert [code for code in Code if "code" in code.params] == []
    assert [code for code in Code if code.value != code.name.lower()] == []


@pytest.mark.parametrize("code", Code)
def test_every_code_makes_sentences_from_its_parameters(code: Code, reader: Flask) -> None:
    condition = Condition(code, **{name: SAMPLES.get(name, "x") for name in code.params})
    assert Condition.from_json(condition.to_json()) == condition
    with reader.test_request_context():
        texts = (sentences.english(condition), sentences.details(condition), *sentences.explain(condition)[1:])
    for text in texts:
        assert "%(" not in text
    assert texts[0]
    assert texts[0] == texts[1], "a reader of English has the sentence of programs as a detail"


def test_every_code_that_a_person_meets_has_a_notice_and_a_remedy() -> None:
    faults = {f"{path}: {code.name}" for path, code in raised_for_people() if not _explains(code)}
    assert faults == set(), "add a notice and a remedy for these to app/web/words"
    assert [code for code in (*REFUSALS, *HYGIENE) if not _explains(code)] == []
    assert [code for code in REASONS if not _explains(code)] == [Code.PROJECT_OUT_OF_SIGHT]
    assert [code for code in STOPS if not _explains(code)] == []
    assert [code for code in CHECKS if not CHECKS[code].notice] == []
    assert {kind.stop for kind in subclasses(JiraFailure) - {JiraFailure}} <= set(STOPS)


def test_every_reason_of_a_state_stands_with_the_reasons() -> None:
    reasons = {code for path in SOURCES for code in kept_as_reasons(path)}
    assert reasons - set(REASONS) == set()


@pytest.mark.parametrize("language_code", language.LANGUAGES[1:])
def test_every_detail_that_pages_show_is_translated(language_code: str) -> None:
    translations = {str(message.id) for message in words.load(language_code) if message.id}
    details = [entry.sentence for part in (FAILURES, STOPS, LEFT_OUT, RUNS) for entry in part.values()]
    assert [sentence for sentence in details if _HOLE.sub("", sentence) and sentence not in translations] == []


def test_the_files_that_are_left_out_are_there() -> None:
    assert {str(path) for path in modules("app")} >= set(NOT_FOR_PEOPLE)


def test_a_notice_and_a_remedy_have_no_codes_and_are_whole_sentences() -> None:
    for entry in sentences.CATALOGUE.values():
        for sentence in (entry.notice, entry.remedy):
            plain = re.sub(r"%\(\w+\)s|customfield_10016", "", sentence)
            assert not re.search(r"[{}_<>]|HTTP|\b[45]\d\d\b|Exception|Error\b", plain), sentence
            assert not sentence or sentence.endswith((".", ":", "%(incident)s")), sentence
        assert entry.notice or not entry.remedy


def test_no_sentence_is_matched_outside_the_migrations() -> None:
    """Callers compare codes; a sentence below `web` would be an identifier again."""
    texts = {entry.sentence for entry in sentences.CATALOGUE.values() if len(entry.sentence) > 12}
    faults = {
        f"{path}: {node.value}"
        for path in SOURCES
        if not is_catalogue(path)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in texts
    }
    assert faults == set()


@pytest.mark.parametrize("parked_count", [0, 1, 3])
@pytest.mark.parametrize("is_retried", [True, False])
def test_missing_rows_are_summed_by_entity(
    monkeypatch: pytest.MonkeyPatch, parked_count: int, is_retried: bool
) -> None:
    monkeypatch.setattr(verification.poison, "count", lambda *_: parked_count)
    short = [verification.Finding("issue", scope, 7, 9, "m") for scope in ("1", "2")]
    condition = verification._missing(None, short, is_retried=is_retried)  # type: ignore[arg-type]  # it only counts
    assert (condition.params["missing"], condition.params["expected"]) == ({"issue": 4}, {"issue": 18})
    assert sentences.english(condition).startswith("4 of 18 issue rows are missing; ")


@pytest.fixture(scope="module")
def reader() -> Flask:
    """A page in English."""
    app = Flask("reader")
    language.register(app)
    return app


def is_catalogue(path: Path) -> bool:
    return path.parts[:2] == ("app", "conditions") or path.parts[:3] == ("app", "web", "words")


def codes_in(tree: ast.AST) -> Iterator[str]:
    """The names of the codes that a piece of source mentions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "Code":
            yield node.attr


def calls_with_codes(path: Path) -> Iterator[ast.Call]:
    """The calls with a code as their first argument: conditions and errors."""
    for node in ast.walk(tree_of(path)):
        is_made = (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CONDITIONS_AND_ERRORS
        )
        if is_made and node.args:
            yield node


def named_by(node: ast.expr) -> list[Code]:
    """The codes that an argument may be; none where it is a variable."""
    if isinstance(node, ast.IfExp):
        return [*named_by(node.body), *named_by(node.orelse)]
    is_code = isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "Code"
    return [Code[node.attr]] if is_code else []


def raised_for_people() -> Iterator[tuple[str, Code]]:
    """Every code that app code raises for a person."""
    kinds = {kind.__name__ for kind in subclasses(Refused) | subclasses(Unavailable)} - {Unproven.__name__}
    for path in modules("app"):
        if str(path) in NOT_FOR_PEOPLE or path.parts[1] == "jira":
            continue
        for call in calls_with_codes(path):
            if isinstance(call.func, ast.Name) and call.func.id in kinds:
                yield from ((str(path), code) for code in named_by(call.args[0]))


def kept_as_reasons(path: Path) -> Iterator[Code]:
    """The codes of conditions that app code keeps with a state."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in {"move_to", "let_go", "unpair", "disconnect", "park"}:
                values = [keyword.value for keyword in node.keywords if keyword.arg == "reason"]
                yield from (Code[code] for value in values for code in codes_in(value))
            elif name == "tell":
                yield from (Code[code] for value in node.args for code in codes_in(value))


def _explains(code: Code) -> bool:
    entry = sentences.CATALOGUE[code]
    return bool(entry.notice and entry.remedy)


def subclasses(kind: type[T]) -> set[type[T]]:
    return {kind}.union(*(subclasses(subclass) for subclass in kind.__subclasses__()))


CONDITIONS_AND_ERRORS = {Condition.__name__, *(kind.__name__ for kind in subclasses(CodedError))}
