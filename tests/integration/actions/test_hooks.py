"""Lifecycle hooks and the work of the site's integration: a hook that is ignored starts and stops nothing."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from app import actions, clock
from app.integrations.model import State
from app.store.schema import INSTALLATIONS
from app.tenants.keyring import tenant_by_id
from app.tenants.model import State as TenantState
from tests.factories import an_install

if TYPE_CHECKING:
    from tests.integration.actions.conftest import Premises

CATCH_UP = "catch_up"


@pytest.fixture
def an_hour_ago(premises: Premises) -> int:
    """The time of the premises' install, in seconds."""
    at = clock.epoch() - 3600
    with premises.parts.store.unrestricted_unsafe() as session:
        session.execute(
            update(INSTALLATIONS)
            .where(INSTALLATIONS.c.tenant_id == premises.tenant_id)
            .values(lifecycle_at=at, installed_at=at)
        )
    return at


def install(premises: Premises, *, at: int, **overrides: str) -> None:
    site = premises.site
    call = an_install(client_key=site.client_key, base_url=site.base_url, issued_at=at, **overrides)
    with premises.parts.store.unrestricted_unsafe() as session:
        actions.installed(session, premises.parts.keyring, call)


def disable(premises: Premises, *, at: int) -> None:
    with premises.parts.store.unrestricted_unsafe() as session:
        actions.disabled(session, premises.tenant_id, issued_at=at)


def tenant_state(premises: Premises) -> TenantState:
    with premises.parts.store.bound_to(premises.tenant_id) as session:
        tenant = tenant_by_id(session, premises.tenant_id)
    assert tenant is not None
    return tenant.state


def test_a_late_install_leaves_a_disabled_sites_integration_alone(premises: Premises, an_hour_ago: int) -> None:
    disable(premises, at=an_hour_ago + 200)
    assert premises.integration.state is State.DISCONNECTED
    install(premises, at=an_hour_ago + 100)
    assert tenant_state(premises) is TenantState.DISABLED
    assert premises.integration.state is State.DISCONNECTED
    assert CATCH_UP not in premises.jobs_in_queues()


@pytest.mark.parametrize("is_install_first", [True, False])
def test_an_install_and_a_disabling_of_one_second_leave_the_site_disabled(
    premises: Premises, an_hour_ago: int, *, is_install_first: bool
) -> None:
    secret = secrets.token_urlsafe(48)
    if is_install_first:
        install(premises, at=an_hour_ago + 100, shared_secret=secret)
    disable(premises, at=an_hour_ago + 100)
    if not is_install_first:
        install(premises, at=an_hour_ago + 100, shared_secret=secret)
        assert CATCH_UP not in premises.jobs_in_queues()
    assert tenant_state(premises) is TenantState.DISABLED
    assert premises.integration.state is State.DISCONNECTED
    entry = premises.parts.keyring.find(premises.site.client_key)
    assert entry is not None
    assert entry[1].current == secret


def test_a_newer_install_takes_up_the_work(premises: Premises, an_hour_ago: int) -> None:
    disable(premises, at=an_hour_ago + 100)
    install(premises, at=an_hour_ago + 200)
    assert tenant_state(premises) is TenantState.ACTIVE
    assert premises.integration.state is State.DELAYED
    assert CATCH_UP in premises.jobs_in_queues()
