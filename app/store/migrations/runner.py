"""Migrates a database to the newest schema; safe to run from several machines at once."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError

from app import clock
from app.conditions import Code
from app.errors import Unavailable
from app.store.schema import POISON
from app.store.session import make_engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection, Engine

_LOCK = 0x5E1_C0


def alembic_config(connection: Connection) -> Config:
    """Alembic's settings for one connection."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent))
    settings.attributes["connection"] = connection
    return settings


@contextmanager
def _connect(engine: Engine) -> Iterator[Connection]:
    """A connection. Raises Unavailable when the database does not answer."""
    try:
        connection = engine.connect()
    except OperationalError as error:
        raise Unavailable(Code.DATABASE_UNREACHABLE) from error
    with connection:
        yield connection


def upgrade(database_url: str) -> None:
    """Apply every missing migration. Raises Unavailable."""
    engine = make_engine(database_url)
    with _connect(engine) as connection:
        # Two releases at once would both create the same tables.
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
        connection.commit()
        try:
            command.upgrade(alembic_config(connection), "head")
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
            connection.commit()
    engine.dispose()


@dataclass(frozen=True)
class DatabaseState:
    """The state of a database, for the operator."""

    server_version: str
    applied_revision: str | None
    newest_revision: str | None
    clock_difference: float
    """Our clock minus the database's, seconds."""
    is_exempt: bool
    """Whether the user ignores row-level security, as superusers do."""
    poison_count: int | None
    """Unreadable records of all sites; None if the schema is not the newest."""


def examine(database_url: str) -> DatabaseState:
    """Examine a database without changing it. Raises Unavailable."""
    engine = make_engine(database_url)
    try:
        with _connect(engine) as connection:
            row = connection.execute(
                text(
                    "SELECT current_setting('server_version') AS version, clock_timestamp() AS at,"
                    " (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) AS exempt"
                )
            ).one()
            applied_revision = MigrationContext.configure(connection).get_current_revision()
            newest_revision = ScriptDirectory.from_config(alembic_config(connection)).get_current_head()
            poison_query = select(func.count()).select_from(POISON).where(POISON.c.column.is_(None))
            return DatabaseState(
                server_version=row.version,
                applied_revision=applied_revision,
                newest_revision=newest_revision,
                clock_difference=(clock.now() - row.at).total_seconds(),
                is_exempt=bool(row.exempt),
                poison_count=connection.execute(poison_query).scalar_one()
                if applied_revision == newest_revision
                else None,
            )
    finally:
        engine.dispose()
