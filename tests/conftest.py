"""Fixtures for all tests: real servers, started once per run, and a runtime that uses them."""

from __future__ import annotations

import base64
import secrets
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
import structlog

from app import embedded, runtime
from app.config import Settings
from app.store.migrations import runner
from sandbox import SiteKey
from sandbox.datasets import DEFAULT_RECORDINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.embedded import Servers
    from app.runtime import Runtime

BASE_URL = "https://app.test"
KEY = base64.b64encode(b"k" * 32).decode()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--at-scale", action="store_true", help="the long form of tests that have one, as in `make soak`")


def pytest_configure(config: pytest.Config) -> None:
    """Give each run a temporary folder of its own.

    Pytest's default lies in a folder of all runs of one user, and each run takes from it the passage that root's
    database servers of the other runs need.
    """
    if config.option.basetemp is None:
        folder = tempfile.TemporaryDirectory(prefix="pytest-", ignore_cleanup_errors=True)
        config.add_cleanup(folder.cleanup)
        config.option.basetemp = Path(folder.name) / "run"
    # The default draws every frame of an exception with its variables, which takes longer than most tests.
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])


@pytest.fixture(scope="session")
def is_at_scale(pytestconfig: pytest.Config) -> bool:
    """Whether tests that have a long form should run it."""
    return bool(pytestconfig.getoption("--at-scale"))


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A real PostgreSQL and a real Valkey for this run."""
    with embedded.running(tmp_path_factory.mktemp("servers"), postgres=True, valkey=True) as servers:
        yield servers


@pytest.fixture(scope="session")
def redis_url(servers: Servers) -> str:
    return str(servers.redis_url)


@pytest.fixture(scope="session")
def database_url(servers: Servers) -> str:
    """A database with the newest schema. All tests share it, with tenants of their own."""
    url = str(servers.database_url)
    runner.upgrade(url)
    return url


@pytest.fixture
def empty_database_url(servers: Servers) -> Iterator[str]:
    """An empty database, dropped after the test."""
    url = str(servers.database_url)
    name = f"empty_{secrets.token_hex(6)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield url.replace("/sei_connect?", f"/{name}?")
    with psycopg.connect(url, autocommit=True) as connection:
        # Autovacuum may be busy in it; only the server's owner may end that.
        for _ in range(50):
            with suppress(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
                return
            time.sleep(0.2)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def a_settings(**overrides: object) -> Settings:
    """Settings as in production, except for sites and keys on this machine."""
    values: dict[str, object] = {
        "environment": "development",
        "base_url": BASE_URL,
        "secret_keys": (KEY,),
        "site_hosts": ("*.atlassian.net", "http://127.0.0.1:*"),
        "install_keys_url": "http://127.0.0.1:9/unreachable",
    }
    return Settings(**(values | overrides))  # type: ignore[arg-type]  # the caller names existing settings


@pytest.fixture(scope="session")
def settings() -> Settings:
    return a_settings()


@pytest.fixture(scope="session")
def parts(settings: Settings, database_url: str, redis_url: str) -> Iterator[Runtime]:
    """A complete runtime on the real servers."""
    runtime_parts = runtime.assemble(settings, database_url=database_url, redis_url=redis_url)
    yield runtime_parts
    runtime_parts.store.engine.dispose()
    runtime_parts.redis.close()


@pytest.fixture(scope="session")
def install_key() -> SiteKey:
    """One key signs the installs of every site, as Atlassian's does."""
    return SiteKey.generate()


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The recorded payloads. Tests that need them are skipped without ../shared beside the checkout."""
    if not (DEFAULT_RECORDINGS / "index.json").is_file():
        pytest.skip(f"there are no recordings in {DEFAULT_RECORDINGS}")
    return DEFAULT_RECORDINGS
