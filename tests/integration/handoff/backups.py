"""Backups of a database, taken and put back as operators do it."""

from __future__ import annotations

import subprocess
from importlib.util import find_spec
from pathlib import Path

import psycopg

from app.embedded.postgres import VERSION, WHEEL
from app.store.schema import METADATA
from tests import databases


def _run(program: str, *options: str) -> None:
    spec = find_spec(WHEEL)
    assert spec is not None
    assert spec.submodule_search_locations
    path = Path(spec.submodule_search_locations[0]) / f"pginstall{VERSION}" / "bin" / program
    result = subprocess.run([str(path), *options], capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr


def dump(url: str, file: Path) -> None:
    """As docs/operations.md says."""
    _run("pg_dump", "--enable-row-security", "-Fc", "-f", str(file), url)


def restore_as_new(server_url: str, url: str, file: Path) -> None:
    """Into a new database, which takes the name of the old one."""
    new_url = databases.create_empty(server_url, "restored")
    _run("pg_restore", "--exit-on-error", "-d", new_url, str(file))
    take_the_name(server_url, new_url, url)


def restore_in_place(_server_url: str, url: str, file: Path) -> None:
    """Into the same database, in which every table is dropped and made again."""
    _run("pg_restore", "--exit-on-error", "--clean", "-d", url, str(file))


def restore_rows_only(server_url: str, url: str, file: Path) -> None:
    """Into the same tables, which are emptied first."""
    name = databases.name_of(url)
    superuser_url = server_url.replace("//sei_connect@/sei_connect?", f"//postgres@/{name}?")
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        connection.execute(f"TRUNCATE {', '.join(METADATA.tables)}, alembic_version".encode())
    _run("pg_restore", "--exit-on-error", "--data-only", "--disable-triggers", "-d", superuser_url, str(file))


def copy(server_url: str, url: str) -> str:
    """A copy of a database, table by table the same to the last octet. Returns its address."""
    copy_url = databases.create_empty(server_url, "copy")
    databases.drop(server_url, copy_url)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {databases.name_of(copy_url)} TEMPLATE {databases.name_of(url)}".encode())
    return copy_url


def take_the_name(server_url: str, new_url: str, url: str) -> None:
    """Drop a database and give its name to another one."""
    databases.drop(server_url, url)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {databases.name_of(new_url)} RENAME TO {databases.name_of(url)}".encode())


RESTORES = (restore_as_new, restore_in_place, restore_rows_only)
