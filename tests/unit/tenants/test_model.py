"""A tenant, and the order in which Jira's lifecycle hooks count."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from uuid import UUID

import pytest

from app.tenants.keyring import Secrets
from app.tenants.model import Hook, Install, State, Tenant

ACME = Tenant(UUID(int=1), "jira_cloud", "https://acme.atlassian.net", None, State.ACTIVE, "client-1")


@pytest.mark.parametrize(
    ("state", "active"), [(State.ACTIVE, True), (State.DISABLED, False), (State.UNINSTALLED, False)]
)
def test_only_an_active_tenant_is_worked_for(state: State, active: bool) -> None:
    assert replace(ACME, state=state).is_active is active


def test_people_know_a_site_by_its_display_address_where_it_has_one() -> None:
    assert ACME.site_url == "https://acme.atlassian.net"
    assert replace(ACME, display_url="https://jira.acme.com").site_url == "https://jira.acme.com"
    assert replace(ACME, display_url="https://jira.acme.com").base_url == ACME.base_url


def test_of_two_hooks_in_one_second_the_stronger_stands() -> None:
    order = [Hook.INSTALLED, Hook.ENABLED, Hook.DISABLED, Hook.UNINSTALLED]
    assert all(weaker.rank < stronger.rank for weaker, stronger in pairwise(order))
    assert set(order) == set(Hook)


def test_printing_an_install_or_secrets_shows_no_secret() -> None:
    install = Install("client-1", "hunter2" * 5, "https://acme.atlassian.net", None, None, None, 1)
    for thing in (install, Secrets("hunter2", "hunter2"), [install], {"x": Secrets("hunter2", None)}):
        assert "hunter2" not in repr(thing) + str(thing)
