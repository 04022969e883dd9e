"""A PostgreSQL's data folder, made once per run: `initdb` takes longer than most tests that need one of their own."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from app import embedded

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of an embedded PostgreSQL with its database, after its first run."""
    folder = tmp_path_factory.mktemp("cluster")
    with embedded.running(folder, postgres=True, valkey=False):
        pass
    return folder / "postgres"


@pytest.fixture
def fill(cluster: Path) -> Callable[[Path], Path]:
    """Makes a data folder in which PostgreSQL has run before. Returns the folder."""

    def copy(folder: Path) -> Path:
        folder.mkdir(parents=True)
        subprocess.run(["cp", "-a", str(cluster), str(folder / "postgres")], check=True)
        return folder

    return copy
