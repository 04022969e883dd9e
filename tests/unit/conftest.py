"""Premises of the unit tests: Atlassian's signing key, and a clock that moves when it is told to."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from typing import NoReturn

import pytest

from app import clock
from tests.fakes.atlassian import Atlassian


@pytest.fixture(scope="session")
def atlassian() -> Atlassian:
    return Atlassian()


class Hands:
    """The clock's hands. `app.clock` is the one place that tells the time, so it is the one place to hold it."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def move(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    """Time stands still until a test moves it."""
    held = Hands(datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC))
    monkeypatch.setattr(clock, "now", lambda: held.at)
    return held


@pytest.fixture(autouse=True)
def _nothing_leaves_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit test touches nothing: a connection is a mistake in it."""

    def refuse(*_: object) -> NoReturn:
        raise AssertionError("a unit test tried to connect")

    monkeypatch.setattr(socket.socket, "connect", refuse)
