"""Tenants are isolated by the database itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app import clock, ids
from app.conditions import Code, Condition
from app.store.schema import API_KEYS, CREDENTIALS, INSTALLATIONS
from app.store.session import Store
from app.store.tables import entity_tables, tenant_owned
from tests.factories import a_paired_site

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Table

    from app.runtime import Runtime

BY_NAME = {table.name: table for table in tenant_owned()}


@pytest.fixture(scope="module")
def two_tenants(parts: Runtime) -> tuple[UUID, UUID]:
    """Two tenants, each with a row in every table."""
    own_id, other_id = (a_paired_site(parts)[0].tenant_id for _ in range(2))
    for tenant_id in (own_id, other_id):
        with parts.store.bound_to(tenant_id) as session:
            for table in tenant_owned():
                if table not in (INSTALLATIONS, CREDENTIALS):  # an installed site has a row in each
                    session.execute(table.insert().values(**_some_row(table, tenant_id)))
    return own_id, other_id


_WORDS = {"state": "done", "result": "done", "cause": "unknown"}
"""Columns with a fixed set of words."""


def _some_row(table: Table, tenant_id: UUID) -> dict[str, object]:
    values: dict[str, object] = {}
    for column in table.columns:
        kind = column.type.python_type if column.name != "body" else dict
        if column.name == "tenant_id":
            values["tenant_id"] = tenant_id
        elif column.name in _WORDS:
            values[column.name] = _WORDS[column.name]
        elif not column.nullable and column.server_default is None:
            examples = {
                "Condition": Condition(Code.WEBHOOK),
                "UUID": ids.new(),
                "str": str(ids.new()),
                "int": 1,
                "bool": True,
                "dict": {},
            }
            values[column.name] = examples.get(kind.__name__, clock.now())
    return values


def test_the_list_holds_every_table_with_a_tenant(parts: Runtime) -> None:
    with parts.store.unrestricted_unsafe() as session:
        names = session.execute(
            text(
                "SELECT table_name FROM information_schema.columns"
                " WHERE column_name = 'tenant_id' AND table_schema = 'public'"
            )
        ).scalars()
        assert set(names) == {*BY_NAME, "integrations"}


@pytest.mark.parametrize("name", [*BY_NAME, "integrations"])
def test_row_security_is_forced(parts: Runtime, name: str) -> None:
    with parts.store.unrestricted_unsafe() as session:
        row = session.execute(
            text("SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = CAST(:name AS regclass)"),
            {"name": name},
        ).one()
        assert tuple(row) == (True, True)


@pytest.mark.parametrize("name", [*BY_NAME, "integrations"])
def test_a_bound_session_sees_its_own_rows_and_none_of_others(
    parts: Runtime, two_tenants: tuple[UUID, UUID], name: str
) -> None:
    own_id, other_id = two_tenants
    with parts.store.bound_to(own_id) as session:
        tenant_ids = set(session.execute(text(f"SELECT tenant_id FROM {name}")).scalars())
        assert tenant_ids == {own_id}
        result = session.execute(text(f"SELECT count(*) FROM {name} WHERE tenant_id = :them"), {"them": other_id})
        assert result.scalar_one() == 0


@pytest.mark.parametrize("name", list(BY_NAME))
def test_a_bound_session_cannot_change_remove_or_add_rows_of_others(
    parts: Runtime, two_tenants: tuple[UUID, UUID], name: str
) -> None:
    own_id, other_id = two_tenants
    with parts.store.bound_to(own_id) as session:
        deletions = session.execute(text(f"DELETE FROM {name} WHERE tenant_id = :them"), {"them": other_id}).rowcount
        updates = session.execute(
            text(f"UPDATE {name} SET tenant_id = tenant_id WHERE tenant_id = :them"), {"them": other_id}
        ).rowcount
        assert (deletions, updates) == (0, 0)
    with pytest.raises(DBAPIError, match="row-level security"), parts.store.bound_to(own_id) as session:
        session.execute(BY_NAME[name].insert().values(**_some_row(BY_NAME[name], other_id)))


def test_a_session_bound_to_nobody_sees_nothing(parts: Runtime, two_tenants: tuple[UUID, UUID]) -> None:
    account_only = ids.new()
    with parts.store.bound_to_account(account_only) as session:
        for name in [*BY_NAME, "integrations", "tenants"]:
            assert session.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() == 0


def test_a_pooled_connection_carries_no_binding_over(
    parts: Runtime, database_url: str, two_tenants: tuple[UUID, UUID]
) -> None:
    store = Store(database_url, parts.redis, pool_size=1)
    with store.bound_to(two_tenants[0]) as session:
        pid = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with store.unrestricted_unsafe() as session:
        assert session.execute(text("SELECT pg_backend_pid()")).scalar_one() == pid
        leftovers = session.execute(
            text("SELECT current_setting('app.tenant_id', true), current_user = session_user")
        ).one()
        assert tuple(leftovers) in {("", True), (None, True)}
    store.engine.dispose()


@pytest.mark.parametrize("name", ["accounts", API_KEYS.name, "spent_tokens", "alembic_version"])
def test_a_bound_session_has_no_business_with_shared_tables(
    parts: Runtime, two_tenants: tuple[UUID, UUID], name: str
) -> None:
    with pytest.raises(DBAPIError, match="permission denied"), parts.store.bound_to(two_tenants[0]) as session:
        session.execute(text(f"SELECT * FROM {name}"))


def test_the_app_role_owns_nothing(parts: Runtime) -> None:
    with parts.store.unrestricted_unsafe() as session:
        owned_count = session.execute(
            text(
                # Without temporary tables, which belong to the session's role.
                "SELECT count(*) FROM pg_class WHERE relowner = CAST('sei_connect_app' AS regrole)"
                " AND relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%')"
            )
        ).scalar_one()
        assert owned_count == 0


def test_every_entity_has_a_table() -> None:
    assert len(entity_tables()) >= 18
