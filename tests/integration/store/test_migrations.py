"""Migrations match the tables and work in both directions."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import psycopg
import pytest
from alembic import command
from sqlalchemy import inspect

from app.store.migrations import runner
from app.store.schema import APP_ROLE, METADATA
from app.store.session import make_engine
from app.store.tables import entity_tables

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_migrations_make_exactly_the_declared_tables(empty_database_url: str) -> None:
    runner.upgrade(empty_database_url)
    engine = make_engine(empty_database_url)
    with engine.connect() as connection:
        command.check(runner.alembic_config(connection))
        names = set(inspect(connection).get_table_names()) - {"alembic_version"}
    engine.dispose()
    assert names == set(METADATA.tables)
    assert {table.name for table in entity_tables().values()} <= names


def test_every_migration_goes_down_and_up_again(empty_database_url: str) -> None:
    runner.upgrade(empty_database_url)
    engine = make_engine(empty_database_url)
    with engine.connect() as connection:
        config = runner.alembic_config(connection)
        command.downgrade(config, "base")
        connection.commit()
        assert set(inspect(connection).get_table_names()) == {"alembic_version"}
        command.upgrade(config, "head")
        connection.commit()
        assert set(inspect(connection).get_table_names()) - {"alembic_version"} == set(METADATA.tables)
    engine.dispose()


def test_a_second_upgrade_changes_nothing(empty_database_url: str) -> None:
    runner.upgrade(empty_database_url)
    runner.upgrade(empty_database_url)
    state = runner.examine(empty_database_url)
    assert state.applied_revision == state.newest_revision
    assert not state.is_exempt


@pytest.fixture
def plain_owner(server_url: str) -> Iterator[str]:
    """A database with an owner without the rights to create roles and to grant the app's role."""
    admin_url = server_url.replace("//sei_connect@/sei_connect", "//postgres@/postgres")
    name = f"plain_{secrets.token_hex(6)}"
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN")
        admin.execute(f"CREATE DATABASE {name} OWNER {name}")
        admin.execute(f"GRANT {APP_ROLE} TO {name}")
        yield admin_url.replace("//postgres@/postgres", f"//{name}@/{name}")
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        admin.execute(f"DROP ROLE {name}")


def test_an_owner_who_was_granted_the_role_needs_no_right_to_grant_it(database_url: str, plain_owner: str) -> None:
    runner.upgrade(plain_owner)
    state = runner.examine(plain_owner)
    assert (state.applied_revision, state.is_exempt) == (state.newest_revision, False)
    with psycopg.connect(plain_owner) as connection:
        connection.execute(f"SET ROLE {APP_ROLE}")
