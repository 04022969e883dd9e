"""Fixtures for all tests: real servers, started once per run, and a runtime that uses them."""

from __future__ import annotations

import base64
import gc
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog

from app import embedded, runtime
from app.config import Settings
from sandbox import SiteKey
from sandbox.datasets import DEFAULT_RECORDINGS
from tests import databases
from tests.statements import logged_statements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from app.embedded import Servers
    from app.runtime import Runtime

BASE_URL = "https://app.test"
ALLOCATIONS = 50_000
"""Allocations between two runs of the collector; Python's 700 make it a sixth of a suite's processor time."""
KEY = base64.b64encode(b"k" * 32).decode()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--at-scale", action="store_true", help="the long form of tests that have one, as in `make soak`")
    parser.addoption("--postgres", help="the folder of an embedded PostgreSQL to share with other runs")


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
    gc.set_threshold(ALLOCATIONS)


def pytest_collection_finish() -> None:
    """Take modules and collected tests, which live as long as the run, out of the collector's sight."""
    gc.freeze()


@pytest.fixture(scope="session")
def is_at_scale(pytestconfig: pytest.Config) -> bool:
    """Whether tests that have a long form should run it."""
    return bool(pytestconfig.getoption("--at-scale"))


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A real Valkey for this run, and a real PostgreSQL: the one in `--postgres`, shared with other runs, or its own."""
    own = tmp_path_factory.mktemp("servers")
    shared = Path(pytestconfig.getoption("--postgres") or own)
    with (
        embedded.running(own, postgres=False, valkey=True) as valkey,
        embedded.running(shared, postgres=True, valkey=False) as postgres,
    ):
        databases.prepare(str(postgres.database_url))
        yield replace(postgres, redis_url=valkey.redis_url)


@pytest.fixture(scope="session")
def redis_url(servers: Servers) -> str:
    return str(servers.redis_url)


@pytest.fixture(scope="session")
def server_url(servers: Servers) -> str:
    """Where databases are made and dropped from."""
    return str(servers.database_url)


@pytest.fixture(scope="session")
def database_url(server_url: str) -> str:
    """A database with the newest schema. All tests share it, with tenants of their own."""
    return databases.create(server_url, "tests")


@pytest.fixture
def own_database_url(server_url: str) -> Iterator[str]:
    """A database with the newest schema, dropped after the test."""
    url = databases.create(server_url, "own")
    yield url
    databases.drop(server_url, url)


@pytest.fixture
def empty_database_url(server_url: str) -> Iterator[str]:
    """An empty database, dropped after the test."""
    url = databases.create_empty(server_url, "empty")
    yield url
    databases.drop(server_url, url)


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


@pytest.fixture
def statements() -> Callable[[], AbstractContextManager[list[str]]]:
    """Opens a block and gives the statements that this thread sends within it."""
    return logged_statements


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
