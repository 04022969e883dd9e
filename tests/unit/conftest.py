"""Fixtures of the unit tests: Atlassian's signing key, and a clock that only tests move."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NoReturn

import pytest
from fakeredis import FakeRedis

from app import clock
from tests.fakes.atlassian import Atlassian
from tests.fakes.site import site_over
from tests.fakes.wire import Wire

if TYPE_CHECKING:
    from redis import Redis

    from app.jira.client import Site


@pytest.fixture(scope="session")
def atlassian() -> Atlassian:
    return Atlassian()


class FrozenClock:
    """A replacement for `app.clock.now`, the only source of the current time."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def move(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def frozen_clock(monkeypatch: pytest.MonkeyPatch) -> FrozenClock:
    """Time stands still until a test moves it."""
    time = FrozenClock(datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC))
    monkeypatch.setattr(clock, "now", lambda: time.at)
    return time


@pytest.fixture
def redis() -> Redis:
    """Redis' commands in memory, without scripts: tests of scripts run on the real Valkey."""
    return FakeRedis()


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def site(wire: Wire) -> Site:
    """A client that sends over the test's wire."""
    return site_over(wire)


@pytest.fixture(autouse=True)
def _nothing_leaves_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unit tests open no connections."""

    def refuse(*_: object) -> NoReturn:
        raise AssertionError("a unit test tried to connect")

    monkeypatch.setattr(socket.socket, "connect", refuse)
