"""The way out of trouble doesn't throw: parking, logging, conditions and problem pages take the worst values."""

from __future__ import annotations

import io
import json
import logging
import time
from contextlib import contextmanager, redirect_stderr
from typing import TYPE_CHECKING

import orjson
import pytest
import structlog
from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app import logs
from app.catalog.conversion import digest_of
from app.catalog.field_policy import FieldPolicy
from app.catalog.registry import all_entities, entity
from app.conditions import Code, Condition
from app.errors import JiraNonsense, Malformed, PoisonRecord, Unavailable, condition_of
from app.ingest.writing.page import parse_page
from app.jira.client import cut, parse, whole
from app.store.session import StoreFault
from app.web import problems
from app.web.words import language
from app.web.words.sentences import details, english, explain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.catalog.json_value import Json


def _nested(levels: int) -> Json:
    value: Json = "bottom"
    for _ in range(levels):
        value = [value]
    return value


class _Mute:
    """An object whose own code fails."""

    def __str__(self) -> str:
        raise RuntimeError("secret")

    __repr__ = __str__


WORST_TEXTS = ["\ud800", "\udfff\ud800", "\x00", "x" * 100_000, "%s %(x)d {}", "\u2028\u202e\x1b[31m", "9" * 5000]
WORST_VALUES = [
    *WORST_TEXTS,
    *(10**399, -(10**399), 10**5000, 2**64, float("nan"), float("inf"), -0.0, b"\xff\xed\xa0\x80", None, True),
    *(_nested(2000), {"\ud800": "\x00"}, {1: 2}, {"a": {"b": 10**399}}, {1, 2}, (1, "\ud800"), _Mute(), object()),
]
TEXTS = st.text(st.characters(), max_size=50) | st.sampled_from(WORST_TEXTS)
VALUES = st.integers(0, len(WORST_VALUES) - 1).map(WORST_VALUES.__getitem__) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.binary(max_size=8) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
patient = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@contextmanager
def production_log() -> Iterator[io.StringIO]:
    """The log of a process in production, in place of pytest's handlers, which raise."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level, configuration = root.handlers, root.level, structlog.get_config()
    with redirect_stderr(stream):
        logs.configure(is_production=True)
    try:
        yield stream
    finally:
        root.handlers, root.level = handlers, level
        structlog.configure(**configuration)


@patient
@given(value=VALUES)
def test_redaction_takes_any_value(value: object) -> None:
    event = logs.redact(None, "info", {"event": value, "value": value})
    orjson.loads(json.dumps(event, default=str))


@pytest.mark.parametrize("position", range(len(WORST_VALUES)))
def test_each_log_line_is_one_line_of_json(position: int) -> None:
    value = WORST_VALUES[position]
    with production_log() as lines:
        logs.get("worst").warning("from structlog", value=value)
        logging.getLogger("worst").warning("from the library: %s", value)
        logging.getLogger("worst").warning("with an argument that doesn't fit: %d", [value])
    log_lines = lines.getvalue().splitlines()
    assert len(log_lines) == 3
    for line in log_lines:
        json.loads(line)
    assert "secret" not in lines.getvalue()


def test_an_error_of_the_worst_text_is_logged() -> None:
    with production_log() as lines:
        for value in WORST_VALUES:
            try:
                raise ValueError(value)
            except ValueError:
                logs.get("worst").exception("failed")
    assert len(lines.getvalue().splitlines()) == len(WORST_VALUES)


def _circular() -> ValueError:
    error = ValueError("\ud800")
    error.args = (error,)
    error.__cause__ = ValueError("its own cause")
    error.__cause__.__cause__ = error
    return error


def _chain(length: int) -> ValueError:
    error = ValueError(0)
    for position in range(1, length):
        cause, error = error, ValueError(position)
        error.__cause__ = cause
    return error


class _MuteError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("secret")

    __repr__ = __str__


ODD_ERRORS = [
    _circular(),
    _chain(500),
    _MuteError(),
    ExceptionGroup("\ud800", [ExceptionGroup("\x00", [_MuteError(), _circular()])]),
    UnicodeEncodeError("utf-8", "\ud800", 0, 1, "\ud800"),
    KeyError(_Mute()),
]


@pytest.mark.parametrize("position", range(len(ODD_ERRORS)))
def test_odd_errors_are_logged_and_conditions(position: int) -> None:
    error = ODD_ERRORS[position]
    with production_log() as lines:
        logs.get("worst").error("failed", exc_info=error)
        logs.get("worst").error("failed", error=error)
        logging.getLogger("worst").error("failed: %s", error)
        logging.getLogger("worst").error("failed", exc_info=error)
    log_lines = lines.getvalue().splitlines()
    assert len(log_lines) == 4
    for line in log_lines:
        json.loads(line)
    condition = condition_of(error)
    assert Condition.from_json(condition.to_json()) == condition


def test_long_texts_are_scrubbed_in_time() -> None:
    start = time.perf_counter()
    for text in (
        "a" * 200_000,
        "eyJ" * 70_000,
        "://" * 70_000,
        "basic " * 30_000,
        "a@" * 100_000,
        "." * 200_000,
    ):
        logs.scrub(text)
    # Linear patterns take half a second, quadratic ones minutes.
    assert time.perf_counter() - start < 20


@patient
@given(value=VALUES)
@example(value=10**399)
@example(value={"\ud800": 10**399})
@example(value=b"\\u0000")
def test_conditions_take_any_value_and_come_back(value: object) -> None:
    condition = Condition(Code.LIST_CUT, entity=value, total=value, count=value)  # type: ignore[arg-type]  # the point
    text = condition.to_json()
    assert "\x00" not in text
    # A backslash of the value is written as two, which is no escape.
    assert "\\u0000" not in text.replace("\\\\", "")
    assert Condition.from_json(text) == condition
    str(condition)
    english(condition)


@patient
@given(text=TEXTS | st.sampled_from(["[" * 100_000, '{"code":' * 5000, "[1]", '"x"', "null", '{"code": []}']))
def test_any_stored_text_is_a_condition(text: str) -> None:
    english(Condition.from_json(text))


def test_stored_conditions_of_any_depth_are_read() -> None:
    text = '{"code":"jira_refuses","why":' * 900 + "1" + "}" * 900
    english(Condition.from_json(text))


@pytest.mark.parametrize("position", range(len(WORST_TEXTS)))
@pytest.mark.parametrize("path", ["/api/refused", "/api/away", "/api/gone", "/api/crashed", "/api/poison"])
def test_problem_documents_take_any_text(path: str, position: int) -> None:
    text, app = WORST_TEXTS[position], Flask("worst")
    language.register(app)
    problems.register(app, app_key="key")

    @app.get("/api/<kind>")
    def fail(kind: str) -> None:
        match kind:
            case "refused":
                raise Malformed(Code.UNKNOWN_ENTITY, entity=text, entities=text)
            case "away":
                raise Unavailable(Code.CRASHED, error=text)
            case "poison":
                raise PoisonRecord(Code.NO_ID, entity=text)
            case "crashed":
                raise ValueError(text)

    answer = app.test_client().get(path)
    assert answer.status_code in {200, 400, 500, 503}
    if answer.status_code != 200:
        orjson.loads(answer.data)


@patient
@given(text=TEXTS)
def test_sentences_and_details_take_any_text(text: str) -> None:
    app = Flask("worst")
    language.register(app)
    condition = Condition(Code.VALUE_NOT_DATE, entity=text, id=text, column=text)
    with app.test_request_context(headers={"Accept-Language": "de"}):
        details(condition)
        explain(condition)
    condition_of(StoreFault(text)).to_json()
    condition_of(ValueError(text)).to_json()


@patient
@given(value=VALUES)
def test_digests_of_anything(value: object) -> None:
    assert len(digest_of(value)) == 64


@patient
@given(name=st.sampled_from(sorted(all_entities())), items=st.lists(VALUES, max_size=3))
def test_a_page_of_anything_is_parsed(name: str, items: list[Json]) -> None:
    parsed_page = parse_page(entity(name), items, FieldPolicy(), "1")
    for record in parsed_page.poison:
        record.reason.to_json()


ODD_ITEMS = [
    b'{"id": "2", "fields": {"summary": "cut \\ud83d"}}',
    b'{"id": "2", "fields": {"customfield_1": ' + b"9" * 5000 + b"}}",
    b'{"id": "2", "fields": {"customfield_1": 1e400, "timespent": ' + b"1" * 400 + b"}}",
    b'{"id": "2", "fields": {"customfield_1": NaN}}',
    b'{"id": "2", "fields": {"customfield_1": ' + b"[" * 10_000 + b"]" * 10_000 + b"}}",
    b'{"id": "2", "fields": {"customfield_1": ' + b'{"a]":[' * 5_000 + b"]}" * 5_000 + b"}}",
    b'{"id": "2", "fields": {"summary": "\xed\xa0\xbd"}}',
    b'{"id": "2", "fields": {"summary": "bell \x07"}}',
]


@pytest.mark.parametrize("position", range(len(ODD_ITEMS)))
def test_one_odd_item_does_not_cost_its_page(position: int) -> None:
    good = b'{"id": "1", "fields": {}}'
    page = cut(bytearray(b'{"isLast": true, "issues": [' + good + b"," + ODD_ITEMS[position] + b"," + good + b"]}"))
    assert isinstance(page, dict)
    items = page["issues"]
    assert isinstance(items, list)
    parsed_page = parse_page(entity("issue"), items, FieldPolicy(), None)
    assert [row.id for row in parsed_page.rows] == ["1", "2", "1"]


def test_values_beyond_the_deepest_level_become_null() -> None:
    document = parse(b'{"a": ' + b"[" * 5000 + b'"]"' + b"]" * 5000 + b', "b": "[{"}')
    assert isinstance(document, dict)
    assert document["b"] == "[{"
    assert whole(document) is document


def test_a_deep_answer_that_ends_within_a_text_is_refused_in_time() -> None:
    start = time.perf_counter()
    with pytest.raises(JiraNonsense):
        parse(b"[" * 2000 + b'"' + b'\\"' * 20_000)
    # Linear patterns take milliseconds, quadratic ones half a minute.
    assert time.perf_counter() - start < 5
