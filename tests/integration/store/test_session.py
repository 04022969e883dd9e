"""The binding of a session: narrowed within a block, restored at its end, however it ends."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app import ids
from app.store.schema import INTEGRATIONS
from app.store.session import BoundSession, UnboundSession
from tests.factories import a_paired_site

if TYPE_CHECKING:
    from uuid import UUID

    from app.integrations.model import Integration
    from app.runtime import Runtime
    from app.store.session import Session

BINDING = text(
    "SELECT current_setting('role'), current_setting('app.tenant_id', true), current_setting('app.account_id', true)"
)


@pytest.fixture(scope="module")
def two_integrations(parts: Runtime) -> tuple[Integration, Integration]:
    return a_paired_site(parts)[1], a_paired_site(parts)[1]


@pytest.fixture(scope="module")
def tenant_id(two_integrations: tuple[Integration, Integration]) -> UUID:
    own_id = two_integrations[0].tenant_id
    assert own_id is not None
    return own_id


def visible_ids(session: Session) -> set[UUID]:
    return set(session.execute(INTEGRATIONS.select().with_only_columns(INTEGRATIONS.c.id)).scalars())


def binding_of(session: Session) -> tuple[str, str, str]:
    role, tenant, account = session.execute(BINDING).one()
    return role, tenant or "", account or ""


def check_unrestricted(session: Session) -> None:
    assert binding_of(session)[:2] == ("none", "")
    with pytest.raises(UnboundSession):
        _ = session.tenant_id


def test_a_narrowed_session_sees_one_tenant_until_the_end_of_the_block(
    parts: Runtime, two_integrations: tuple[Integration, Integration], tenant_id: UUID
) -> None:
    integration, second_integration = two_integrations
    with parts.store.unrestricted_unsafe() as session:
        with session.narrowed_to(tenant_id):
            assert session.tenant_id == tenant_id
            assert visible_ids(session) == {integration.id}
        assert visible_ids(session) >= {integration.id, second_integration.id}
        check_unrestricted(session)
        with session.narrowed_to(tenant_id):
            assert visible_ids(session) == {integration.id}


def test_a_bound_session_is_not_narrowed(
    parts: Runtime, two_integrations: tuple[Integration, Integration], tenant_id: UUID
) -> None:
    integration, second_integration = two_integrations
    for context in (parts.store.bound_to(tenant_id), parts.store.bound_to_account(integration.account_id)):
        with context as session:
            with pytest.raises(BoundSession), session.narrowed_to(ids.new()):
                pass
            assert integration.id in visible_ids(session)
            assert second_integration.id not in visible_ids(session)


def test_a_narrowed_session_is_not_narrowed_again(parts: Runtime, tenant_id: UUID) -> None:
    with parts.store.unrestricted_unsafe() as session:
        with session.narrowed_to(tenant_id):
            with pytest.raises(BoundSession), session.narrowed_to(ids.new()):
                pass
            assert session.tenant_id == tenant_id
            assert binding_of(session)[1] == str(tenant_id)
        check_unrestricted(session)


@pytest.mark.parametrize("statement", ["SELECT 1", "SELECT 1/0"])
@pytest.mark.parametrize("has_savepoint", [True, False])
def test_a_failure_that_is_caught_ends_the_binding(
    parts: Runtime, tenant_id: UUID, statement: str, *, has_savepoint: bool
) -> None:
    with parts.store.unrestricted_unsafe() as session:
        with suppress(DBAPIError, LookupError):
            if has_savepoint:
                with session.connection.begin_nested(), session.narrowed_to(tenant_id):
                    session.execute(text(statement))
                    raise LookupError
            with session.narrowed_to(tenant_id):
                session.execute(text(statement))
                raise LookupError
        check_unrestricted(session)
        with session.narrowed_to(tenant_id):
            assert session.tenant_id == tenant_id


def test_an_account_is_bound_again_after_the_block(
    parts: Runtime, two_integrations: tuple[Integration, Integration], tenant_id: UUID
) -> None:
    account_id = two_integrations[1].account_id
    with parts.store.unrestricted_unsafe() as session, session.with_account(account_id):
        with session.narrowed_to(tenant_id):
            assert binding_of(session)[2] == ""
        assert binding_of(session)[2] == str(account_id)


def test_an_account_is_bound_within_its_block_only(parts: Runtime, tenant_id: UUID) -> None:
    account_id = ids.new()
    with parts.store.bound_to(tenant_id) as session:
        with session.with_account(account_id):
            assert binding_of(session) == ("sei_connect_app", str(tenant_id), str(account_id))
        with suppress(LookupError), session.with_account(account_id):
            raise LookupError
        assert binding_of(session) == ("sei_connect_app", str(tenant_id), "")


def test_only_a_tenants_session_has_a_tenant(
    parts: Runtime, two_integrations: tuple[Integration, Integration], tenant_id: UUID
) -> None:
    with parts.store.bound_to(tenant_id) as session:
        assert session.tenant_id == tenant_id
    for context in (parts.store.unrestricted_unsafe(), parts.store.bound_to_account(two_integrations[0].account_id)):
        with context as session, pytest.raises(UnboundSession):
            _ = session.tenant_id
