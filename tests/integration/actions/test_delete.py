"""Deleting: final at once, erased by a job, and its one-time password is worthless."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from redis import Redis

from app import actions, jobs
from app.errors import Missing
from app.ids import new
from app.integrations.model import State
from app.pairing.otp_store import OtpStore

if TYPE_CHECKING:
    from tests.integration.actions.conftest import Premises


def test_it_is_deleting_from_now_on_and_its_password_is_gone(premises: Premises) -> None:
    premises.parts.mint.mint(premises.account_id, premises.integration_id)
    assert premises.parts.otp_store.good_for(premises.integration_id) > 0
    with premises.parts.store.bound_to_account(premises.account_id) as session:
        integration = actions.delete(session, premises.parts.otp_store, premises.integration_id)
        assert premises.parts.otp_store.good_for(premises.integration_id) > 0, "not before the commit"
    assert integration.state is State.DELETING
    assert premises.parts.otp_store.good_for(premises.integration_id) == 0
    assert premises.jobs_in_queues() == {jobs.ERASE.name}


def test_it_is_deleted_while_redis_is_away(premises: Premises) -> None:
    unreachable = OtpStore(Redis.from_url("redis://127.0.0.1:1/0"))
    with premises.parts.store.bound_to_account(premises.account_id) as session:
        actions.delete(session, unreachable, premises.integration_id)
    assert premises.integration.state is State.DELETING


def test_an_integration_of_another_account_is_missing(premises: Premises) -> None:
    with premises.parts.store.bound_to_account(new()) as session, pytest.raises(Missing):
        actions.delete(session, premises.parts.otp_store, premises.integration_id)
    assert premises.integration.state is State.HEALTHY
