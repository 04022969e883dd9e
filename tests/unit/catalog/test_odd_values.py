"""One bad value costs one value: its column is null, with a fault; the row and its children stay."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.catalog.conversion import digest_of
from app.catalog.extract import Page, extract
from app.catalog.registry import entity
from app.conditions import Code
from app.jira.client import parse
from app.web.words.sentences import english
from tests.unit.catalog.recorded import SITE, extracted_parts, rows_of

if TYPE_CHECKING:
    from app.catalog.json_value import Json

DIGITS = 10**399
"""A number of 400 digits."""
ODD_VALUES: list[tuple[str, Json, str, Code]] = [
    ("duedate", "20222-03-01", "due", Code.VALUE_NOT_DATE),
    ("duedate", "0001-01-01", "due", Code.VALUE_OUT_OF_RANGE),
    ("duedate", "-0001-01-01", "due", Code.VALUE_NOT_DATE),
    ("duedate", "2025-02-32", "due", Code.VALUE_NOT_DATE),
    ("duedate", "9/Mar/25", "due", Code.VALUE_NOT_DATE),
    ("duedate", "2025-03-09 or later", "due", Code.VALUE_NOT_DATE),
    ("duedate", 20250309, "due", Code.VALUE_NOT_DATE),
    ("duedate", {"date": "2025-03-09"}, "due", Code.VALUE_NOT_DATE),
    ("created", "12:00", "created", Code.VALUE_NOT_MOMENT),
    ("created", "yesterday", "created", Code.VALUE_NOT_MOMENT),
    ("created", "20222-03-01T00:00:00.000+0000", "created", Code.VALUE_NOT_MOMENT),
    ("created", "0001-01-01T00:00:00+0800", "created", Code.VALUE_OUT_OF_RANGE),
    ("created", "0001-01-01T00:00:00+0000", "created", Code.VALUE_OUT_OF_RANGE),
    ("created", "9999-12-31T23:59:59-0800", "created", Code.VALUE_OUT_OF_RANGE),
    ("created", 10**30, "created", Code.VALUE_OUT_OF_RANGE),
    ("created", -62135596800000, "created", Code.VALUE_OUT_OF_RANGE),
    ("created", float("nan"), "created", Code.VALUE_NOT_MOMENT),
    ("created", float("inf"), "created", Code.VALUE_OUT_OF_RANGE),
    ("created", True, "created", Code.VALUE_NOT_MOMENT),
    ("created", [], "created", Code.VALUE_NOT_MOMENT),
    ("created", {}, "created", Code.VALUE_NOT_MOMENT),
    ("timeestimate", "2h", "time_remaining_seconds", Code.VALUE_NOT_INTEGER),
    ("timeestimate", 1.5, "time_remaining_seconds", Code.VALUE_NOT_INTEGER),
    ("timeestimate", "NaN", "time_remaining_seconds", Code.VALUE_NOT_INTEGER),
    ("timeestimate", 2**63, "time_remaining_seconds", Code.VALUE_OUT_OF_RANGE),
    ("timeestimate", DIGITS, "time_remaining_seconds", Code.VALUE_OUT_OF_RANGE),
    ("timeestimate", str(DIGITS), "time_remaining_seconds", Code.VALUE_NOT_INTEGER),
    ("timeestimate", {"seconds": 3}, "time_remaining_seconds", Code.VALUE_NOT_INTEGER),
    ("timeestimate", True, "time_remaining_seconds", Code.VALUE_NOT_INTEGER),
    ("customfield_10024", "NaN", "story_points", Code.VALUE_OUT_OF_RANGE),
    ("customfield_10024", "many", "story_points", Code.VALUE_NOT_NUMBER),
    ("customfield_10024", [], "story_points", Code.VALUE_NOT_NUMBER),
    ("customfield_10024", DIGITS, "story_points", Code.VALUE_OUT_OF_RANGE),
    ("customfield_10024", str(DIGITS), "story_points", Code.VALUE_OUT_OF_RANGE),
    ("customfield_10020", "a story", "sprint_ids", Code.VALUE_NOT_IN_OBJECT),
    ("customfield_10020", [3], "sprint_ids", Code.VALUE_NOT_TEXTS),
    ("summary", ["a", "list"], "summary", Code.VALUE_NOT_TEXT),
    ("summary", {"an": "object"}, "summary", Code.VALUE_NOT_TEXT),
    ("summary", True, "summary", Code.VALUE_NOT_TEXT),
    ("labels", "one", "labels", Code.VALUE_NOT_TEXTS),
    ("labels", ["one", {"two": 2}], "labels", Code.VALUE_NOT_TEXTS),
    ("components", "one", "component_ids", Code.VALUE_NOT_TEXTS),
    ("components", [{"id": "1"}, "one"], "component_ids", Code.VALUE_NOT_TEXTS),
    ("components", [{"id": 1.5}], "component_ids", Code.VALUE_NOT_TEXTS),
    ("parent", {"id": 1.5}, "parent_id", Code.VALUE_NOT_TEXT),
    ("parent", {"id": 1e30}, "parent_id", Code.VALUE_NOT_TEXT),
    ("security", "secret", "security_level_id", Code.VALUE_NOT_IN_OBJECT),
    ("security", ["secret"], "security_level_id", Code.VALUE_NOT_IN_OBJECT),
    ("creator", {"accountId": 3}, "creator_id", Code.VALUE_NOT_TEXT),
    ("votes", {"votes": 1, "hasVoted": "perhaps"}, "has_voted", Code.VALUE_NOT_BOOLEAN),
    ("attachment", "none", "attachment_total", Code.VALUE_NOT_IN_OBJECT),
]


@pytest.mark.parametrize(("field", "value", "column", "code"), ODD_VALUES)
def test_odd_value_costs_its_column(field: str, value: Json, column: str, code: Code) -> None:
    comments: Json = [{"id": "7", "created": "2020-06-12T08:21:20.929+0800", "author": {"accountId": "a"}}]
    fields: dict[str, Json] = {"priority": {"id": "3"}, "comment": {"comments": comments, "total": 1}, field: value}
    parts = extracted_parts("issue", {"id": "1", "key": "EE-1", "fields": fields}, Page(SITE))
    row = rows_of("issue", parts)["1"]
    fault = next(fault for fault in row.faults if fault.column is not None)
    assert (fault.column, fault.reason.code, row.values[column]) == (column, code, None)
    assert [fault.column for fault in row.faults if fault.column is not None] == [column]
    assert fault.digest == digest_of(value["hasVoted"] if column == "has_voted" else _quoted(column, value))
    assert (row.values["priority_id"], row.values["key"]) == ("3", "EE-1")
    assert set(rows_of("comment", parts)) == {"7"}
    assert set(rows_of("user", parts)) == {"a"}


def _quoted(column: str, value: Json) -> Json:
    """The value that a fault quotes: the one that the column's reader took out of the field."""
    return value["id"] if column == "parent_id" and isinstance(value, dict) else value


def test_one_text_in_place_of_an_object_costs_the_columns_below_it() -> None:
    row = extract(entity("issue"), {"id": "1", "key": "EE-1", "fields": {"status": "Done"}}, SITE)
    assert [fault.column for fault in row.faults] == ["status_id", "status_name", "status_category"]


def test_fault_reads_as_a_sentence() -> None:
    row = extract(entity("issue"), {"id": "1", "key": "ABC-1", "fields": {"duedate": "20222-03-01"}}, SITE)
    assert english(row.faults[0].reason) == "value left out: due date of issue ABC-1, not a date"


@pytest.mark.parametrize(
    ("number", "text"), [(10050, "10050"), (10050.0, "10050"), (1e15, "1000000000000000"), ("10050", "10050")]
)
def test_numbers_in_the_place_of_ids_are_written_as_ids(number: Json, text: str) -> None:
    row = extract(entity("issue"), {"id": number, "fields": {"project": {"id": number}}}, SITE)
    assert (row.id, row.values["project_id"], row.faults) == (text, text, ())


def test_field_case_of_a_surrogate_and_a_date(field_case: Json) -> None:
    assert isinstance(field_case, dict)
    row = extract(entity("issue"), {"id": "1", "key": "EE-1", **field_case}, SITE)
    assert (row.values["summary"], row.values["due"]) == ("cut ?", None)
    assert [fault.reason.code for fault in row.faults] == [Code.VALUE_NOT_DATE]


@pytest.fixture
def field_case() -> Json:
    """An issue as it arrives: the lone surrogate is an escape in Jira's JSON."""
    return parse(b'{"fields": {"summary": "cut \\ud83d", "duedate": "20222-03-01"}}')


WORST = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.sampled_from([DIGITS, 2**64, -(2**63) - 1, "\ud800", "\x00", "x" * 1_000_000, "9" * 5000]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(), max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(value=WORST)
def test_digest_of_anything_is_a_digest(value: Json) -> None:
    assert len(digest_of(value)) == 64


def test_digest_is_that_of_the_json_as_far_as_there_is_one() -> None:
    value: Json = {"a": [1, "b", None]}
    assert digest_of(value) == hashlib.sha256(orjson.dumps(value)).hexdigest()
    assert digest_of(b"\xff") != digest_of({1, 2})
    nested: Json = "bottom"
    for _ in range(10_000):
        nested = [nested]
    assert len(digest_of(nested)) == 64


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_anything_in_any_column_costs_at_most_that_column(data: st.DataObject) -> None:
    fields = json.loads(json.dumps(entity("issue").example.body))["fields"]
    name = data.draw(st.sampled_from(sorted(fields)))
    whole_row = extract(entity("issue"), {"id": "1", "key": "EE-1", "fields": dict(fields)}, SITE)
    row = extract(entity("issue"), {"id": "1", "key": "EE-1", "fields": {**fields, name: data.draw(WORST)}}, SITE)
    changed_columns = {column for column in row.values if row.values[column] != whole_row.values[column]}
    assert {fault.column for fault in row.faults} <= changed_columns | {None}
    assert len(row.values) == len(whole_row.values)
