"""Alembic's entry: the connection it is handed, or DATABASE_URL from the command line."""

from __future__ import annotations

from alembic import context

from app import config
from app.store.schema import METADATA
from app.store.session import make_engine
from app.store.tables import entity_tables

entity_tables()  # puts the catalog's tables into METADATA


def run(connection: object) -> None:
    """Migrate on one connection, each migration a transaction."""
    context.configure(
        connection=connection,  # type: ignore[arg-type]  # a SQLAlchemy connection, whichever way it came
        target_metadata=METADATA,
        compare_type=True,
        compare_server_default=False,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


handed = context.config.attributes.get("connection")
if handed is not None:
    run(handed)
else:
    with make_engine(config.load().database_url or "postgresql:///").connect() as own:
        run(own)
