"""What an SEI admin may set; everything else is refused, since a typing error would go unnoticed."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.integrations.settings import IntegrationSettings


def test_nothing_needs_to_be_set() -> None:
    found = IntegrationSettings()
    assert found.model_dump() == {
        "story_point_field": None,
        "epic_field": None,
        "custom_fields": [],
        "excluded_fields": [],
    }


@pytest.mark.parametrize(
    "given",
    [
        {"story_point_field": "customfield_10016"},
        {"story_point_field": "timeestimate", "epic_field": "parent"},
        {"epic_field": None},
        {"custom_fields": ["customfield_10020", "customfield_10021"]},
        {"custom_fields": [f"customfield_{number}" for number in range(200)]},
        {"excluded_fields": ["summary", "description", "comment"]},
    ],
)
def test_good_settings_are_kept_as_given(given: dict[str, object]) -> None:
    assert IntegrationSettings.model_validate(given).model_dump(exclude_unset=True) == given


@pytest.mark.parametrize(
    "given",
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
    ],
    ids=lambda given: repr(given)[:60],
)
def test_everything_else_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        IntegrationSettings.model_validate(given)
