"""A folder that nobody else may enter, real processes in it, and nothing left behind."""

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
    """A folder with mode 700, like root's home. Not pytest's: that one is passed by root's tests for good."""
    folder = Path(tempfile.mkdtemp(prefix="embedded-test-"))
    yield folder
    for lock in folder.rglob("embedded.lock"):
        with running(lock.parent, postgres=False, valkey=False):
            pass  # the last to leave stops what a killed member left running
        assert not is_alive(lock.parent, "postgres")
        assert not is_alive(lock.parent, "valkey")
    shutil.rmtree(folder)


@pytest.fixture
def var(room: Path) -> Path:
    """The data folder, not there yet."""
    return room / "checkout" / "var"


@pytest.fixture
def enter(var: Path) -> Iterator[Callable[..., Member]]:
    """Start members; those still there at the end are killed."""
    members: list[Member] = []

    def start(*, at: Path = var, wanted: str = "postgres,valkey", user: str = "") -> Member:
        members.append(Member(at, wanted, user))
        return members[-1]

    yield start
    for member in members:
        if member.process.poll() is None:
            member.kill()
