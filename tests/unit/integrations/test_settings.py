"""Settings of an SEI admin. Unknown keys are refused: a misspelled one would go unnoticed."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from app.catalog.selection import condition_of
from app.integrations.settings import IntegrationSettings


def test_nothing_needs_to_be_set() -> None:
    defaults = IntegrationSettings()
    assert defaults.model_dump() == {
        "time_zone": None,
        "projects": [],
        "jql": "",
        "backfill_from": None,
        "story_point_field": None,
        "epic_field": None,
        "field_mapping": {
            "story_points": [],
            "sprint": [],
            "epic": None,
            "start_date": None,
            "due_date": None,
            "team": None,
            "flagged": None,
        },
        "custom_fields": [],
        "excluded_fields": [],
        "hygiene": [],
    }


@pytest.mark.parametrize(
    "values",
    [
        {"story_point_field": "customfield_10016"},
        {"story_point_field": "timeestimate", "epic_field": "parent"},
        {"epic_field": None},
        {"custom_fields": ["customfield_10020", "customfield_10021"]},
        {"custom_fields": [f"customfield_{number}" for number in range(200)]},
        {"excluded_fields": ["summary", "description", "comment"]},
        {"excluded_fields": ["worklog_comment", "customfield_10050"]},
        {"field_mapping": {"story_points": ["customfield_10016", "customfield_10024"], "team": "customfield_10001"}},
        {"story_point_field": "customfield_10016", "field_mapping": {"story_points": ["customfield_10016"]}},
    ],
)
def test_good_settings_are_kept_as_given(values: dict[str, object]) -> None:
    assert IntegrationSettings.model_validate(values).model_dump(exclude_unset=True) == values


@pytest.mark.parametrize(
    "values",
    [
        {"story_points_field": "customfield_10016"},
        {"story_point_field": ""},
        {"story_point_field": "Story Points"},
        {"story_point_field": "10016"},
        {"story_point_field": "cf[10016]"},
        {"story_point_field": "customfield_10016\n"},
        {"story_point_field": 'customfield_10016" OR 1=1'},
        {"story_point_field": "x" * 65},
        {"story_point_field": 10016},
        {"custom_fields": "customfield_10016"},
        {"custom_fields": ["customfield_10016", ""]},
        {"custom_fields": [f"customfield_{number}" for number in range(201)]},
        {"custom_fields": None},
        {"excluded_fields": ["assignee"]},
        {"excluded_fields": ["comment"] * 4},
        {"excluded_fields": ["customfield_"]},
        {"field_mapping": {"points": ["customfield_10016"]}},
        {"field_mapping": {"story_points": "customfield_10016"}},
        {"story_point_field": "customfield_10016", "field_mapping": {"story_points": ["customfield_10024"]}},
        {"epic_field": "customfield_10014", "field_mapping": {"epic": "parent"}},
    ],
    ids=lambda values: repr(values)[:60],
)
def test_everything_else_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        IntegrationSettings.model_validate(values)


@pytest.mark.parametrize(
    "values",
    [
        {"backfill_from": "0001-01-01"},
        {"backfill_from": "9999-12-31"},
        {"time_zone": "Mars/Olympus"},
        {"time_zone": "../../etc/passwd"},
        {"projects": ["ACME", "ACME"]},
        {"projects": ["A) OR (B"]},
        {"jql": "status = Done) OR (project = X"},
        {"jql": "(status = Done"},
        {"jql": 'summary ~ "open'},
        {"jql": "summary ~ don't"},
        {"jql": "a\x00b"},
        {"jql": "x" * 2001},
    ],
)
def test_a_selection_that_cannot_be_asked_for_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        IntegrationSettings.model_validate(values)


@pytest.mark.parametrize(
    ("jql", "condition"),
    [
        ("status = Done ORDER BY created DESC", "status = Done"),
        ("order  by rank", ""),
        ('summary ~ "a ) order by b" AND (x = 1)', 'summary ~ "a ) order by b" AND (x = 1)'),
        (r"""summary ~ "a\"b)" OR text ~ '(' order by x""", r"""summary ~ "a\"b)" OR text ~ '('"""),
        ("borderby = 1", "borderby = 1"),
    ],
)
def test_the_order_of_a_query_is_cut_off(jql: str, condition: str) -> None:
    assert condition_of(IntegrationSettings(jql=jql).jql) == condition


def test_the_first_day_begins_in_the_time_zone() -> None:
    day = {"backfill_from": "2025-03-30"}
    assert IntegrationSettings(**day).updated_from.isoformat() == "2025-03-30T00:00:00+00:00"
    berlin = IntegrationSettings(**day, time_zone="Europe/Berlin")
    assert berlin.updated_from.isoformat() == "2025-03-30T00:00:00+01:00"
    assert berlin.selects_otherwise(IntegrationSettings(**day))
    assert not IntegrationSettings(time_zone="Europe/Berlin").selects_otherwise(IntegrationSettings())
