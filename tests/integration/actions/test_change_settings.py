"""Only settings with another reading have anything read again, and only the issues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from rq.job import Job

from app import actions, jobs
from app.actions import Changes
from app.errors import Missing
from app.ids import new
from app.integrations.model import State
from app.integrations.settings import IntegrationSettings
from app.web import create_app

if TYPE_CHECKING:
    from app.integrations.model import Integration
    from app.runtime import Runtime
    from tests.integration.actions.conftest import Premises

HYGIENE = IntegrationSettings.model_validate(
    {"hygiene": [{"name": "No due date", "field": "due", "operator": "missing"}]}
)
POINTS = IntegrationSettings(story_point_field="customfield_10016")


def change(premises: Premises, changes: Changes) -> Integration:
    with premises.parts.store.bound_to_account(premises.account_id) as session:
        return actions.change_settings(session, premises.integration_id, changes)


def test_settings_that_differ_have_the_issues_read_again(premises: Premises) -> None:
    assert change(premises, Changes(settings=POINTS)).settings == POINTS.model_dump(mode="json")
    assert premises.jobs_in_queues() == {jobs.SETTINGS.name}
    assert premises.integration.state is State.HEALTHY


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"custom_fields": ["customfield_1", "customfield_2"]}, {"custom_fields": ["customfield_2", "customfield_1"]}),
        ({"excluded_fields": ["summary", "comment"]}, {"excluded_fields": ["comment", "summary"]}),
        ({"story_point_field": "customfield_1"}, {"field_mapping": {"story_points": ["customfield_1"]}}),
    ],
)
def test_the_same_patch_twice_plans_nothing_the_second_time(
    parts: Runtime, premises: Premises, first: dict[str, Any], second: dict[str, Any]
) -> None:
    client = create_app(parts).test_client()

    def patch(settings: dict[str, Any]) -> set[str]:
        """Send the settings. Returns the names of the jobs that this enqueued."""
        for job_id in premises.job_ids():
            Job.fetch(job_id, connection=parts.redis).delete()
        response = client.patch(
            f"/api/v1/integrations/{premises.integration_id}",
            json={"settings": settings},
            headers={"Authorization": f"Bearer {premises.key}"},
        )
        assert response.status_code == 200
        return premises.jobs_in_queues()

    assert patch(first)
    assert patch(first) == set()
    assert patch(second) == set(), "the order or a short form is no other reading"
    assert patch({**second, **HYGIENE.model_dump(include={"hygiene"}, mode="json")}) == set(), "nor are criteria"
    assert patch({}) == {jobs.SETTINGS.name}
    assert patch({}) == set()


@pytest.mark.parametrize(
    "changes",
    [
        Changes(),
        Changes(name="Acme", description="ours", tags=["a"]),
        Changes(settings=IntegrationSettings()),
        Changes(settings=HYGIENE),
    ],
)
def test_words_criteria_and_equal_settings_read_nothing_again(premises: Premises, changes: Changes) -> None:
    change(premises, changes)
    assert premises.jobs_in_queues() == set()


def test_absent_values_stay(premises: Premises) -> None:
    change(premises, Changes(name="Acme", description="ours", tags=["a"], settings=POINTS))
    integration = change(premises, Changes(description=""))
    assert (integration.name, integration.description, integration.tags) == ("Acme", "", ["a"])
    assert integration.settings == POINTS.model_dump(mode="json")


def test_an_integration_without_a_site_has_nothing_to_read(premises: Premises) -> None:
    premises.unpair()
    change(premises, Changes(settings=POINTS))
    assert premises.jobs_in_queues() == set()


def test_an_integration_of_another_account_is_missing(premises: Premises) -> None:
    with premises.parts.store.bound_to_account(new()) as session, pytest.raises(Missing):
        actions.change_settings(session, premises.integration_id, Changes(name="Mine now"))
