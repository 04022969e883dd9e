"""The servers' system account.

PostgreSQL refuses to run as root. Root's servers therefore run as the owner of `var/`, or as the system user
`pgserver` if that is root too. The wheel's own `get_server` does the same, but opens every folder above for reading
and keeps root's groups in the server. Here a folder gets `x` for others at most, and the server only its own groups.
"""

from __future__ import annotations

import logging
import os
import pwd
import shutil
import stat
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.embedded.failure import EmbeddedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SERVICE_USER = "pgserver"
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
"""A server's whole environment: PGPORT, PGOPTIONS and the like in ours would change its behaviour."""
_TRIES = 20
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Account:
    """A system account; runs programs and owns files as that account."""

    uid: int
    gid: int
    groups: tuple[int, ...]

    @property
    def is_other(self) -> bool:
        """Whether this process is root and the account is another one."""
        return self.uid != os.geteuid()

    def run(self, argv: Sequence[str], *, seconds: float, keep: Sequence[int] = ()) -> subprocess.CompletedProcess[str]:
        """Run a program of the wheels as this account, detached from our terminal's signals."""
        return subprocess.run(
            argv,
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            stdin=subprocess.DEVNULL,
            cwd="/",
            env=_ENVIRONMENT,
            umask=0o077,
            pass_fds=keep,
            start_new_session=True,
            user=self.uid if self.is_other else None,
            group=self.gid if self.is_other else None,
            extra_groups=self.groups if self.is_other else None,
        )

    def make(self, folder: Path) -> None:
        """Create a private folder of this account, or take over ours from an earlier container's user ids."""
        if not folder.exists():
            folder.mkdir(mode=0o700)
            if self.is_other:
                os.chown(folder, self.uid, self.gid)
        owner = folder.stat().st_uid
        if owner == self.uid:
            return
        if not (self.is_other and folder.parent.stat().st_uid == 0):
            message = f"{folder} belongs to user id {owner}, the server would run as {self.uid}; chown one of them."
            raise EmbeddedError(message, instead="DATABASE_URL and REDIS_URL")
        for path in _below(folder):
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def let_through(self, path: Path) -> None:
        """Make the folders above a path passable: `x` for others where this account is blocked, and nothing more."""
        if not self.is_other:
            return
        for folder in reversed(path.parents):
            status = folder.stat()
            if not self._may(status, stat.S_IXUSR):
                _log.warning("opened %s for passing through (o+x): the database server runs as %s", folder, self.uid)
                folder.chmod(stat.S_IMODE(status.st_mode) | stat.S_IXOTH)

    def let_read(self, folder: Path) -> None:
        """Make a wheel's files readable if root's umask hid them; they are public anyway."""
        if not self.is_other:
            return
        self.let_through(folder)
        for path in _below(folder):
            status = path.lstat()
            bits = stat.S_IRUSR | (status.st_mode & stat.S_IXUSR)
            if not stat.S_ISLNK(status.st_mode) and not self._may(status, bits):
                path.chmod(stat.S_IMODE(status.st_mode) | bits >> 6)

    def _may(self, status: os.stat_result, bits: int) -> bool:
        """Whether this account has the permissions of the owner's `bits`."""
        if status.st_uid != self.uid:
            bits >>= 3 if status.st_gid in {self.gid, *self.groups} else 6
        return status.st_mode & bits == bits


def account_for(var: Path) -> Account:
    """The account of this process, or a stand-in for root."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), tuple(os.getgroups()))
    owner = var.stat().st_uid
    try:
        # initdb insists on a name, which the owner of a mounted folder may not have in this container.
        entry = pwd.getpwuid(owner) if owner else _service_user()
    except KeyError:
        entry = _service_user()
    return Account(entry.pw_uid, entry.pw_gid, tuple(os.getgrouplist(entry.pw_name, entry.pw_gid)))


def _service_user() -> pwd.struct_passwd:
    """The system user, created on first use, perhaps by a concurrent process."""
    output = "there is no `useradd` here"
    for _ in range(_TRIES):
        try:
            return pwd.getpwnam(SERVICE_USER)
        except KeyError:
            output = _add_service_user() or output
            time.sleep(0.1)
    message = f"PostgreSQL refuses to run as root, and the system user {SERVICE_USER} could not be made."
    raise EmbeddedError(message, instead="DATABASE_URL", output=output)


def _add_service_user() -> str:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        return ""
    argv = [useradd, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    argv += ["--shell", "/usr/sbin/nologin", SERVICE_USER]
    return subprocess.run(argv, check=False, capture_output=True, text=True).stderr


def _below(folder: Path) -> Iterator[Path]:
    yield folder
    yield from folder.rglob("*")
