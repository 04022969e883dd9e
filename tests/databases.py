"""Databases of the tests' PostgreSQL: each is a copy of one that is migrated once."""

from __future__ import annotations

import secrets
import time
from contextlib import suppress

import psycopg

from app.store.migrations import runner

_TEMPLATE = "newest_schema"
_LOCK = 0x7E57
_COMMON = "/sei_connect?"
"""The database that every embedded server has: this is where others are made from."""


def prepare(server_url: str) -> None:
    """Make the server fast and the database that others are copied from, unless another run has."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        if not connection.execute("SELECT FROM pg_database WHERE datname = %s", [_TEMPLATE]).fetchall():
            stop_waiting_for_the_disk(server_url)
            _make_template(connection, server_url)


def create(server_url: str, purpose: str) -> str:
    """Make a database with the newest schema. Returns its address."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        return _create(connection, server_url, purpose, template=_TEMPLATE)


def create_empty(server_url: str, purpose: str) -> str:
    """Make a database without a table. Returns its address."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        return _create(connection, server_url, purpose, template="template1")


def drop(server_url: str, url: str) -> None:
    """Remove a database and all connections to it."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        # The server's own autovacuum may be at work in it, and only its owner may end that.
        for _ in range(50):
            with suppress(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"DROP DATABASE {name_of(url)} WITH (FORCE)".encode())
                return
            time.sleep(0.2)
        connection.execute(f"DROP DATABASE {name_of(url)} WITH (FORCE)".encode())


def stop_waiting_for_the_disk(server_url: str) -> None:
    """Turn off the protection from a crash of the machine: a test's data need not outlive it."""
    superuser_url = server_url.replace("//sei_connect@/sei_connect?", "//postgres@/postgres?")
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off".encode())
        connection.execute("SELECT pg_reload_conf()")


def name_of(url: str) -> str:
    """The name of a database by its address."""
    return url.partition("@/")[2].partition("?")[0]


def _make_template(connection: psycopg.Connection, server_url: str) -> None:
    """Migrate under another name: a run that dies halfway leaves no template."""
    url = _create(connection, server_url, "migrating", template="template1")
    runner.upgrade(url)
    connection.execute(f"ALTER DATABASE {name_of(url)} RENAME TO {_TEMPLATE}".encode())


def _create(connection: psycopg.Connection, server_url: str, purpose: str, *, template: str) -> str:
    name = f"{purpose}_{secrets.token_hex(6)}"
    connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    return server_url.replace(_COMMON, f"/{name}?")
