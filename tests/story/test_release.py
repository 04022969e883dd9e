"""The command that prepares a database before the processes start."""

from __future__ import annotations

import os
import subprocess
import sys

import psycopg

from tests.conftest import KEY
from tests.story.processes import API_KEY, ROOT


def test_a_release_makes_the_tables_and_the_first_account(empty_database_url: str, redis_url: str) -> None:
    settings = {
        "ENVIRONMENT": "development",
        "BASE_URL": "http://127.0.0.1:1",
        "DATABASE_URL": empty_database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEYS": KEY,
        "BOOTSTRAP_ACCOUNT": "story",
        "BOOTSTRAP_API_KEY": API_KEY,
    }
    command = [sys.executable, "-m", "app", "release"]
    process = subprocess.run(command, cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True)
    assert (process.returncode, process.stdout) == (0, "Released.\n"), process.stderr
    with psycopg.connect(empty_database_url) as connection:
        names = connection.execute("SELECT name FROM accounts JOIN api_keys ON account_id = accounts.id").fetchall()
    assert names == [("story",)]
