"""Servers are started once, shared, and stopped by the last member; the data stays."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import psycopg
import pytest
import redis
import sqlalchemy
from limits import parse
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter
from rq import Queue

from app.embedded import running
from tests.integration.embedded.processes import is_alive, pid_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.embedded.processes import Member


@pytest.mark.usefixtures("former_run")
def test_keeps_the_data_and_stops_with_the_last(var: Path) -> None:
    with running(var, postgres=True, valkey=True) as first:
        assert first.database_url
        assert first.redis_url
        with psycopg.connect(first.database_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        redis.Redis.from_url(first.redis_url).set("kept", "yes")
    assert not is_alive(var, "postgres")
    assert not is_alive(var, "valkey")
    with running(var, postgres=True, valkey=True) as second:
        assert second == first
        assert _kept(first.database_url, first.redis_url)


@pytest.mark.usefixtures("former_run")
def test_starts_only_what_is_asked_for(var: Path) -> None:
    with running(var, postgres=False, valkey=True) as outer:
        assert outer.database_url is None
        assert not is_alive(var, "postgres")
        with running(var, postgres=True, valkey=False) as inner:
            assert inner.redis_url is None
        assert is_alive(var, "postgres"), "the outer member is still inside"
    assert not is_alive(var, "postgres")


def test_every_client_takes_the_addresses(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGPORT", "PGHOST", "PGUSER", "PGDATABASE", "PGDATA"):
        monkeypatch.setenv(name, "1")  # another server, configured for the whole login
    with running(var, postgres=True, valkey=True) as servers:
        assert servers.database_url
        assert servers.redis_url
        engine = sqlalchemy.create_engine(servers.database_url.replace("postgresql://", "postgresql+psycopg://"))
        with engine.connect() as connection:
            row = connection.execute(sqlalchemy.text("SELECT current_user, current_database()")).one()
            assert tuple(row) == ("sei_connect", "sei_connect")
            settings = [connection.execute(sqlalchemy.text(f"SHOW {name}")).scalar() for name in _SETTINGS]
            assert settings == list(_SETTINGS.values())
        engine.dispose()
        client = redis.Redis.from_url(servers.redis_url)
        Queue("one", connection=client).enqueue("os.getpid")
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        limiter = FixedWindowRateLimiter(storage_from_string(f"redis+{servers.redis_url}"))
        assert limiter.hit(parse("1/minute"), "someone")
        assert not limiter.hit(parse("1/minute"), "someone")


_SETTINGS = {"max_connections": "200", "synchronous_commit": "on", "shared_buffers": "128MB", "fsync": "on"}


def test_eight_at_once_share_one(var: Path, enter: Callable[..., Member]) -> None:
    members = [enter() for _ in range(8)]
    addresses = [member.addresses() for member in members]
    assert all(result == addresses[0] for result in addresses)
    assert addresses[0].keys() == {"database_url", "redis_url"}
    pids = pid_of(var, "postgres"), pid_of(var, "valkey")
    for member in members[:-1]:
        member.leave()
    assert (pid_of(var, "postgres"), pid_of(var, "valkey")) == pids
    with psycopg.connect(addresses[0]["database_url"]) as connection:
        connection.execute("SELECT 1")
    members[-1].leave()
    assert not is_alive(var, "postgres")
    assert not is_alive(var, "valkey")


ROUNDS, ROUNDS_AT_SCALE = 2, 5


@pytest.mark.usefixtures("former_run")
def test_coming_and_going_never_meets_a_stopped_server(enter: Callable[..., Member], is_at_scale: bool) -> None:
    for _ in range(ROUNDS_AT_SCALE if is_at_scale else ROUNDS):
        members = [enter() for _ in range(4)]
        for member in members:
            assert "error" not in member.addresses()
            member.leave()


@pytest.mark.usefixtures("former_run")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_the_starter_and_its_group_may_die(var: Path, enter: Callable[..., Member], number: int) -> None:
    starter = enter()
    addresses = starter.addresses()
    second = enter()
    second.addresses()
    pids = pid_of(var, "postgres"), pid_of(var, "valkey")
    assert all(os.getsid(pid) != os.getsid(starter.process.pid) for pid in pids)
    starter.kill(number)
    assert (pid_of(var, "postgres"), pid_of(var, "valkey")) == pids
    with psycopg.connect(addresses["database_url"]) as connection:
        connection.execute("SELECT 1")
    assert redis.Redis.from_url(addresses["redis_url"]).ping()
    second.leave()
    assert not is_alive(var, "postgres")


def test_a_fork_that_unwinds_stops_nothing_and_one_that_stays_counts(var: Path) -> None:
    ready, write_end = os.pipe()
    try:
        with running(var, postgres=False, valkey=True):
            fork = os.fork()
            if fork == 0:
                sys.exit()  # as a gunicorn worker ends: up through its master's frames
            os.waitpid(fork, 0)
            assert is_alive(var, "valkey")
    except SystemExit:
        os._exit(0)
    assert not is_alive(var, "valkey")
    with running(var, postgres=False, valkey=True):
        assert is_alive(var, "valkey")
        stayer = os.fork()
        if stayer == 0:
            os.close(write_end)
            os.read(ready, 1)
            os._exit(0)
    assert is_alive(var, "valkey"), "the fork still uses it"
    os.close(write_end)
    os.close(ready)
    os.waitpid(stayer, 0)


def _kept(database_url: str, redis_url: str) -> bool:
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT one FROM kept").fetchone()
    return row == (1,) and redis.Redis.from_url(redis_url).get("kept") == b"yes"
