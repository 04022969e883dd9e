"""Migrations equal the tables, and go up and down."""

from __future__ import annotations

from alembic import command
from sqlalchemy import inspect

from app.store import migrate
from app.store.schema import METADATA
from app.store.session import make_engine
from app.store.tables import entity_tables


def test_migrations_make_exactly_the_declared_tables(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url)
    engine = make_engine(empty_database_url)
    with engine.connect() as connection:
        command.check(migrate.alembic_config(connection))
        made = set(inspect(connection).get_table_names()) - {"alembic_version"}
    engine.dispose()
    assert made == set(METADATA.tables)
    assert {table.name for table in entity_tables().values()} <= made


def test_every_migration_goes_down_and_up_again(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url)
    engine = make_engine(empty_database_url)
    with engine.connect() as connection:
        config = migrate.alembic_config(connection)
        command.downgrade(config, "base")
        connection.commit()
        assert set(inspect(connection).get_table_names()) == {"alembic_version"}
        command.upgrade(config, "head")
        connection.commit()
        assert set(inspect(connection).get_table_names()) - {"alembic_version"} == set(METADATA.tables)
    engine.dispose()


def test_a_second_upgrade_changes_nothing(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url)
    migrate.upgrade(empty_database_url)
    state = migrate.examine(empty_database_url)
    assert state.applied == state.newest
    assert not state.is_exempt
