"""The form of the Settings tab shows every setting and changes none that was not changed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from app.integrations.settings import IntegrationSettings
from app.web.console import settings


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"story_point_field": "customfield_10016", "epic_field": "parent"},
        {"hygiene": [{"name": "Old", "field": "updated", "operator": "older_than", "value": 30}]},
        {
            "field_mapping": {
                "story_points": ["customfield_10016", "customfield_10024"],
                "sprint": ["customfield_10020"],
                "epic": "customfield_10014",
                "start_date": "customfield_10015",
                "due_date": "customfield_10017",
                "team": "customfield_10001",
                "flagged": "customfield_10021",
            },
            "custom_fields": ["customfield_1"],
            "excluded_fields": ["summary", "description", "comment", "worklog_comment", "customfield_10050"],
        },
        {
            "projects": ["ACME", "10001"],
            "jql": 'issuetype = Bug AND summary ~ "a, b"',
            "backfill_from": "2025-01-31",
            "time_zone": "Asia/Kolkata",
        },
    ],
)
def test_a_form_that_is_sent_back_as_it_was_changes_nothing(values: dict[str, Any]) -> None:
    stored = IntegrationSettings.model_validate(values)
    integration = SimpleNamespace(name="Acme", description="", tags=[], settings=stored.model_dump(mode="json"))
    form = settings._values_of(integration)  # type: ignore[arg-type]  # as much of an integration as the form shows
    with Flask("form").test_request_context(method="POST", data=form):
        change = settings._change(stored)
    assert change.settings is not None
    assert not change.settings.differs(stored)
    assert not change.settings.selects_otherwise(stored)
    assert change.settings.time_zone == stored.time_zone
    assert change.settings.hygiene == stored.hygiene
