"""Only settings that differ have a site read again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app import actions, jobs
from app.actions import Changes
from app.errors import Missing
from app.ids import new
from app.integrations.settings import IntegrationSettings

if TYPE_CHECKING:
    from app.integrations.model import Integration
    from tests.integration.actions.conftest import Premises

POINTS = IntegrationSettings(story_point_field="customfield_10016")


def change(premises: Premises, changes: Changes) -> Integration:
    with premises.parts.store.bound_to_account(premises.account_id) as session:
        return actions.change_settings(session, premises.integration_id, changes)


def test_settings_that_differ_have_the_site_read_again(premises: Premises) -> None:
    assert change(premises, Changes(settings=POINTS)).settings == POINTS.model_dump(mode="json")
    assert premises.jobs_in_queues() == {jobs.PLAN.name}


@pytest.mark.parametrize(
    "changes",
    [Changes(), Changes(name="Acme", description="ours", tags=["a"]), Changes(settings=IntegrationSettings())],
)
def test_words_and_equal_settings_read_nothing_again(premises: Premises, changes: Changes) -> None:
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
