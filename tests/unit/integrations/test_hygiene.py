"""Hygiene criteria as SEI admins set them: unfit ones are refused with their reason."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.catalog.registry import entity
from app.integrations.hygiene import Criterion, FieldType, Operator, column_types
from app.integrations.settings import IntegrationSettings

POINTS = "customfield_10016"


def a_criterion(**values: Any) -> dict[str, Any]:
    return {"name": "Rule", "field": "summary", "operator": "missing", **values}


def problems_of(*criteria: dict[str, Any]) -> str:
    """The messages of a refusal, empty where the criteria are taken."""
    try:
        IntegrationSettings.model_validate({"hygiene": list(criteria)})
    except ValidationError as error:
        return "; ".join(f"{fault['loc']} {fault['msg']}" for fault in error.errors())
    return ""


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"field": "labels", "operator": "empty"},
        {"field": "updated", "operator": "older_than", "value": 30},
        {"field": "due", "operator": "older_than", "value": 0},
        {"field": "description", "operator": "length_below", "value": 20},
        {"field": "priority_name", "operator": "not_in_list", "value": ["High", "Low"]},
        {"field": "story_points", "operator": "not_in_list", "value": [0.5, 1, 2, "3"]},
        {"field": POINTS, "operator": "older_than", "value": 3},
        {"field": "components"},
        {"field": "fixVersions", "operator": "not_in_list", "value": ["10026"]},
        {"name": "Größe fehlt (Team 1)"},
    ],
)
def test_fit_criteria_are_kept_as_given(values: dict[str, Any]) -> None:
    criterion = {"value": None, **a_criterion(**values)}
    assert IntegrationSettings.model_validate({"hygiene": [criterion]}).model_dump(mode="json")["hygiene"] == [
        criterion
    ]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"field": "summary", "operator": "older_than", "value": 3}, "older_than does not suit summary"),
        ({"field": "due", "operator": "length_below", "value": 3}, "length_below does not suit due"),
        ({"field": "assignee", "operator": "length_below", "value": 3}, "length_below does not suit assignee"),
        ({"field": "flagged", "operator": "not_in_list", "value": ["true"]}, "not_in_list does not suit flagged"),
        ({"field": "description", "operator": "not_in_list", "value": ["a"]}, "not_in_list does not suit description"),
        ({"operator": "longer_than"}, "operator"),
        ({"field": "nothing"}, "neither a column"),
        ({"field": "custom"}, "neither a column"),
        ({"field": "customfield_"}, "field"),
        ({"field": "id; DROP TABLE"}, "field"),
        ({"field": "summary\x00"}, "field"),
        ({"value": 3}, "missing takes no value"),
        ({"field": "updated", "operator": "older_than"}, "needs a value of 0 to 36500 days"),
        ({"field": "updated", "operator": "older_than", "value": 36_501}, "needs a value of 0 to 36500 days"),
        ({"field": "updated", "operator": "older_than", "value": -1}, "whole number"),
        ({"field": "updated", "operator": "older_than", "value": "3"}, "whole number"),
        ({"field": "updated", "operator": "older_than", "value": True}, "whole number"),
        ({"field": "updated", "operator": "older_than", "value": int("9" * 400)}, "whole number"),
        ({"field": "updated", "operator": "older_than", "value": float("inf")}, "whole number"),
        ({"operator": "length_below", "value": 0}, "1 or more characters"),
        ({"operator": "not_in_list"}, "needs a list"),
        ({"operator": "not_in_list", "value": []}, "list of 1 to 100"),
        ({"operator": "not_in_list", "value": ["x"] * 101}, "list of 1 to 100"),
        ({"operator": "not_in_list", "value": ["x" * 201]}, "200 characters"),
        ({"operator": "not_in_list", "value": ["a\x00b"]}, "printable"),
        ({"operator": "not_in_list", "value": ["\ud800"]}, "printable"),
        ({"operator": "not_in_list", "value": [int("9" * 400)]}, "numbers"),
        ({"operator": "not_in_list", "value": [float("nan")]}, "numbers"),
        ({"operator": "not_in_list", "value": [[1]]}, "list"),
        ({"field": "votes", "operator": "not_in_list", "value": ["many"]}, "must have numbers only"),
        ({"field": "votes", "operator": "not_in_list", "value": ["9" * 200]}, "must have numbers only"),
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "<script>alert(1)</script>"}, "must be printable, without"),
        ({"name": 'a" onload="x'}, "must be printable, without"),
        ({"name": "a\x00b"}, "must be printable, without"),
        ({"name": "a\u202eb"}, "must be printable, without"),
        ({"name": "../x"}, "must be printable, without"),
        ({"name": "42"}, "needs a letter"),
        ({"name": ".."}, "needs a letter"),
        ({"weight": 5}, "weight"),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_unfit_criteria_are_refused_with_the_reason(values: dict[str, Any], reason: str) -> None:
    problems = problems_of(a_criterion(**values))
    assert reason in problems
    assert "9" * 50 not in problems, "a refusal repeats no value"


def test_there_are_ten_criteria_at_most_and_each_has_a_name_of_its_own() -> None:
    criteria = [a_criterion(name=f"Rule {number}") for number in range(11)]
    assert problems_of(*criteria[:10]) == ""
    assert "at most 10 items" in problems_of(*criteria)
    assert "same name" in problems_of(a_criterion(name="Größe"), a_criterion(name=" gröSSe "))


def test_an_operator_may_be_written_with_blanks() -> None:
    values = a_criterion(field="due", operator="older than", value=1)
    assert Criterion.model_validate(values).operator is Operator.OLDER_THAN


def test_every_column_of_the_feed_has_a_type_and_may_be_missing() -> None:
    assert set(column_types()) == {column.name for column in entity("issue").columns} - {"custom"}
    assert [name for name, kind in column_types().items() if kind is FieldType.RICH_TEXT] == [
        "description",
        "environment",
    ]
    for field in column_types():
        assert problems_of(a_criterion(field=field)) == ""


def test_criteria_are_no_reason_to_read_again() -> None:
    criteria = IntegrationSettings.model_validate({"hygiene": [a_criterion()]})
    assert not criteria.differs(IntegrationSettings())
    assert not IntegrationSettings().differs(criteria)


@given(
    st.fixed_dictionaries(
        {
            "name": st.text(),
            "field": st.text() | st.sampled_from(list(column_types())),
            "operator": st.text() | st.sampled_from([operator.value for operator in Operator]),
            "value": st.none() | st.integers() | st.floats() | st.lists(st.text() | st.integers() | st.floats()),
        }
    )
)
def test_no_values_make_the_check_fail(values: dict[str, Any]) -> None:
    problems_of(values)
