"""A private folder with real processes, cleaned up afterwards."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.embedded import running
from tests.integration.embedded.processes import Member, is_alive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def room() -> Iterator[Path]:
    """A folder with mode 700, like root's home. Pytest's folder won't do: root's tests open it permanently."""
    folder = Path(tempfile.mkdtemp(prefix="embedded-test-"))
    yield folder
    for lock in folder.rglob("embedded.lock"):
        with running(lock.parent, postgres=False, valkey=False):
            pass  # the last member stops the servers of killed ones
        assert not is_alive(lock.parent, "postgres")
        assert not is_alive(lock.parent, "valkey")
    shutil.rmtree(folder)


@pytest.fixture
def var(room: Path) -> Path:
    """The data folder, which doesn't exist yet."""
    return room / "checkout" / "var"


@pytest.fixture
def former_run(fill: Callable[[Path], Path], var: Path) -> None:
    """Leaves the data folder as after a run of PostgreSQL."""
    fill(var)


@pytest.fixture
def enter(var: Path) -> Iterator[Callable[..., Member]]:
    """Starts members and kills the remaining ones at the end."""
    members: list[Member] = []

    def start(*, at: Path = var, services: str = "postgres,valkey", user: str = "") -> Member:
        members.append(Member(at, services, user))
        return members[-1]

    yield start
    for member in members:
        if member.process.poll() is None:
            member.kill()
