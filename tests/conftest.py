"""Premises that every kind of test may name: real servers, started once a run, and a runtime on them."""

from __future__ import annotations

import base64
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg
import pytest

from app import embedded, runtime
from app.config import Settings
from app.store.migrations import runner
from sandbox.datasets import DEFAULT_RECORDINGS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.embedded import Servers
    from app.runtime import Runtime

BASE_URL = "https://app.test"
KEY = base64.b64encode(b"k" * 32).decode()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A real PostgreSQL and a real Valkey for this run."""
    with embedded.running(tmp_path_factory.mktemp("servers"), postgres=True, valkey=True) as started:
        yield started


@pytest.fixture(scope="session")
def redis_url(servers: Servers) -> str:
    return str(servers.redis_url)


@pytest.fixture(scope="session")
def database_url(servers: Servers) -> str:
    """A database at the newest schema, shared by all tests: each makes tenants of its own."""
    url = str(servers.database_url)
    runner.upgrade(url)
    return url


@pytest.fixture
def empty_database_url(servers: Servers) -> Iterator[str]:
    """A database without anything in it."""
    url = str(servers.database_url)
    name = f"empty_{secrets.token_hex(6)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield url.replace("/sei_connect?", f"/{name}?")
    with psycopg.connect(url, autocommit=True) as connection:
        # The server's own autovacuum may be at work in it, and only its owner may end that.
        for _ in range(50):
            with suppress(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
                return
            time.sleep(0.2)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def a_settings(**given: object) -> Settings:
    """Settings as in production, but for sites and keys on this machine."""
    values: dict[str, object] = {
        "environment": "development",
        "base_url": BASE_URL,
        "secret_keys": (KEY,),
        "site_hosts": ("*.atlassian.net", "http://127.0.0.1:*"),
        "install_keys_url": "http://127.0.0.1:9/unreachable",
    }
    return Settings(**(values | given))  # type: ignore[arg-type]  # the test names real settings


@pytest.fixture(scope="session")
def settings() -> Settings:
    return a_settings()


@pytest.fixture(scope="session")
def parts(settings: Settings, database_url: str, redis_url: str) -> Iterator[Runtime]:
    """A whole runtime on the real servers."""
    made = runtime.assemble(settings, database_url=database_url, redis_url=redis_url)
    yield made
    made.store.engine.dispose()
    made.redis.close()


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The recorded payloads; a test that needs them is skipped by name where they are not beside the checkout."""
    if not (DEFAULT_RECORDINGS / "index.json").is_file():
        pytest.skip(f"there are no recordings in {DEFAULT_RECORDINGS}")
    return DEFAULT_RECORDINGS
