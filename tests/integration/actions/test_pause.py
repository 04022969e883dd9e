"""Pausing and resuming: which states allow it, and which state follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app import actions, jobs
from app.conditions import Code, Condition
from app.errors import Conflicting
from app.integrations.model import State

if TYPE_CHECKING:
    from tests.integration.actions.conftest import Premises

WORKING_STATES = [state for state in State if state.is_working]
UNPAIRED_STATES = [State.PENDING, State.DISCONNECTED, State.DELETING]


@pytest.mark.parametrize("state", [*WORKING_STATES, State.PAUSED])
def test_a_connected_integration_can_be_paused(premises: Premises, state: State) -> None:
    premises.move_to(state)
    with premises.parts.store.bound_to_account(premises.account_id) as session:
        integration = actions.pause(session, premises.integration_id)
    assert (integration.state, integration.state_reason) == (State.PAUSED, Condition(Code.PAUSED))
    assert premises.jobs_in_queues() == set()


@pytest.mark.parametrize("state", UNPAIRED_STATES)
def test_one_that_is_not_connected_can_be_neither_paused_nor_resumed(premises: Premises, state: State) -> None:
    premises.move_to(state)
    with premises.parts.store.bound_to_account(premises.account_id) as session:
        with pytest.raises(Conflicting, match="cannot_pause"):
            actions.pause(session, premises.integration_id)
        with pytest.raises(Conflicting, match="cannot_resume"):
            actions.resume(session, premises.integration_id)
    assert premises.integration.state is state
    assert premises.jobs_in_queues() == set()


@pytest.mark.parametrize(("is_verified", "state"), [(True, State.DELAYED), (False, State.BACKFILLING)])
def test_a_paused_one_catches_up(premises: Premises, is_verified: bool, state: State) -> None:
    verified_at = premises.integration.verified_at if is_verified else None
    premises.move_to(State.PAUSED, verified_at=verified_at)
    with premises.parts.store.bound_to_account(premises.account_id) as session:
        assert actions.resume(session, premises.integration_id).state is state
    assert premises.jobs_in_queues() == {jobs.CATCH_UP.name}


@pytest.mark.parametrize("state", WORKING_STATES)
def test_resuming_one_that_works_keeps_its_state_and_catches_up(premises: Premises, state: State) -> None:
    premises.move_to(state)
    with premises.parts.store.bound_to_account(premises.account_id) as session:
        assert actions.resume(session, premises.integration_id).state is state
    assert premises.jobs_in_queues() == {jobs.CATCH_UP.name}
