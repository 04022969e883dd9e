"""The system account that the servers run as.

PostgreSQL refuses to run as root. Root's servers therefore run as the owner of `var/`, or as the system user
`pgserver` if that is root too. The wheel's own `get_server` does likewise, but opens every folder above for reading
and keeps root's groups in the server; here a folder gets `x` for others at most, and the server its own groups only.
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
"""All that a server gets: PGPORT, PGOPTIONS and their like in ours would change what it does."""
_TRIES = 20
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Account:
    """A system account, and how to run and own things as it."""

    uid: int
    gid: int
    groups: tuple[int, ...]

    @property
    def is_other(self) -> bool:
        """Whether we are root and this is someone else."""
        return self.uid != os.geteuid()

    def run(self, argv: Sequence[str], *, seconds: float, keep: Sequence[int] = ()) -> subprocess.CompletedProcess[str]:
        """Run a program of the wheels as this account, away from our terminal's signals."""
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
        """Make a private folder of this account, or take over ours from an earlier container's numbering."""
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
        """Make the folders above a path passable: `x` for others where this account is stopped, and nothing more."""
        if not self.is_other:
            return
        for folder in reversed(path.parents):
            status = folder.stat()
            if not self._may(status, stat.S_IXUSR):
                _log.warning("opened %s for passing through (o+x): the database server runs as %s", folder, self.uid)
                folder.chmod(stat.S_IMODE(status.st_mode) | stat.S_IXOTH)

    def let_read(self, folder: Path) -> None:
        """Make a wheel's files readable if an umask of root's hid them; they are the same for everybody anyway."""
        if not self.is_other:
            return
        self.let_through(folder)
        for path in _below(folder):
            status = path.lstat()
            wanted = stat.S_IRUSR | (status.st_mode & stat.S_IXUSR)
            if not stat.S_ISLNK(status.st_mode) and not self._may(status, wanted):
                path.chmod(stat.S_IMODE(status.st_mode) | wanted >> 6)

    def _may(self, status: os.stat_result, wanted: int) -> bool:
        """Whether the owner's bits `wanted` hold for this account."""
        if status.st_uid != self.uid:
            wanted >>= 3 if status.st_gid in {self.gid, *self.groups} else 6
        return status.st_mode & wanted == wanted


def account_for(var: Path) -> Account:
    """Ourselves, unless we are root."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), tuple(os.getgroups()))
    owner = var.stat().st_uid
    try:
        # initdb insists on a name, which the owner of a mounted folder may not have in this container.
        found = pwd.getpwuid(owner) if owner else _service_user()
    except KeyError:
        found = _service_user()
    return Account(found.pw_uid, found.pw_gid, tuple(os.getgrouplist(found.pw_name, found.pw_gid)))


def _service_user() -> pwd.struct_passwd:
    """The system user, made at the first need; whoever makes it at the same time is welcome."""
    said = "there is no `useradd` here"
    for _ in range(_TRIES):
        try:
            return pwd.getpwnam(SERVICE_USER)
        except KeyError:
            said = _add_service_user() or said
            time.sleep(0.1)
    message = f"PostgreSQL refuses to run as root, and the system user {SERVICE_USER} could not be made."
    raise EmbeddedError(message, instead="DATABASE_URL", output=said)


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
