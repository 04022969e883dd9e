"""Alembic's entry point, on a connection of `runner` or, from the command line, on DATABASE_URL."""

from __future__ import annotations

from alembic import context

from app import config
from app.store.schema import METADATA
from app.store.session import make_engine
from app.store.tables import entity_tables

entity_tables()  # puts the catalog's tables into METADATA


def run(connection: object) -> None:
    """Migrate on one connection, with one transaction for each migration."""
    context.configure(
        connection=connection,  # type: ignore[arg-type]  # a SQLAlchemy connection in both cases
        target_metadata=METADATA,
        compare_type=True,
        compare_server_default=False,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


shared_connection = context.config.attributes.get("connection")
if shared_connection is not None:
    run(shared_connection)
else:
    with make_engine(config.load().database_url or "postgresql:///").connect() as connection:
        run(connection)
