"""Changed settings reach the stored issues, and nothing else of the site is read for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from app import actions
from app.actions import Changes
from app.ingest.writing import project_access
from app.integrations import ledger
from app.integrations.model import State
from app.integrations.settings import IntegrationSettings
from app.store.schema import CHUNKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.ingest.conftest import Town

POINTS = "customfield_10024"
OTHER = "customfield_10016"


@pytest.fixture
def town(a_town: Callable[..., Town]) -> Town:
    return a_town(issues=40, projects=2)


def choose(town: Town, **values: object) -> None:
    """Change the settings, and do what its job does."""
    with town.parts.store.unrestricted_unsafe() as session:
        changes = Changes(settings=IntegrationSettings.model_validate(values))
        actions.change_settings(session, town.integration_id, changes)
    with town.parts.store.bound_to(town.tenant_id) as session:
        project_access.walk_issues_again(session)


def waiting(town: Town) -> set[str]:
    """The entities of waiting walks."""
    with town.parts.store.bound_to(town.tenant_id) as session:
        return set(session.execute(select(CHUNKS.c.entity).where(CHUNKS.c.state == "waiting")).scalars())


def kept_fields(town: Town) -> set[str]:
    """The custom fields of all stored issues."""
    return {name for custom in town.rows("issue", "custom").values() for name in custom or {}}


def test_only_issues_are_walked_and_the_state_stays(town: Town) -> None:
    assert len(kept_fields(town)) > 1
    (name, *_) = sorted(kept_fields(town))
    state = town.integration().state
    choose(town, custom_fields=[name])
    assert waiting(town) == {"issue"}
    assert town.integration().state is state
    town.walk()
    assert kept_fields(town) == {name}
    choose(town)
    town.walk()
    assert len(kept_fields(town)) > 1
    assert town.differences() == []


def test_settings_that_are_changed_in_a_pause_hold_after_it(town: Town) -> None:
    (name, *_) = sorted(kept_fields(town))
    with town.parts.store.unrestricted_unsafe() as session:
        ledger.move_to(session, town.integration_id, State.PAUSED)
    choose(town, custom_fields=[name])
    with town.parts.store.unrestricted_unsafe() as session:
        ledger.move_to(session, town.integration_id, State.HEALTHY)
    town.walk()
    assert kept_fields(town) == {name}


def test_nothing_is_planned_before_the_site_is(a_town: Callable[..., Town]) -> None:
    town = a_town(reads=False)
    choose(town, story_point_field=POINTS)
    assert waiting(town) == set()
