"""The folder of the servers' sockets: `var/run`, or a short folder behind a link at `var/run`.

A socket's path is limited to about a hundred bytes; a checkout's path may be longer. PostgreSQL parses its socket
folder as a list with quotes and commas, and the path goes into URLs, so any unusual character counts as too long.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.embedded.account import Account

NAME = "run"
LONGEST_SOCKET = ".s.PGSQL.5432"
LIMIT = 103
"""Bytes of a socket's path on macOS; Linux takes four more."""
_PLAIN = re.compile(r"[A-Za-z0-9/._-]+")


def sockets_for(var: Path, account: Account) -> Path:
    """The folder, private to the account. Call it behind the gate (`locks.gate`)."""
    home = var / NAME
    folder = _in_place(home) if fits(home) else _elsewhere(home, account)
    account.make(folder)
    account.let_through(folder)
    return folder


def fits(folder: Path) -> bool:
    """Whether a socket in this folder can be bound and named in a URL as it is."""
    return bool(_PLAIN.fullmatch(str(folder))) and len(os.fsencode(folder / LONGEST_SOCKET)) <= LIMIT


def discard(var: Path) -> None:
    """Remove the folder outside `var/` after the servers have stopped."""
    home = var / NAME
    if home.is_symlink():
        shutil.rmtree(home.readlink(), ignore_errors=True)
        home.unlink()


def _in_place(home: Path) -> Path:
    """The folder in `var/`, after removal of a link made for a longer path."""
    if home.is_symlink():
        home.unlink()
    return home


def _elsewhere(home: Path, account: Account) -> Path:
    """A folder with an unpredictable name, against squatters; the link in `var/` leads to it."""
    if home.is_symlink() and _is_private(home.readlink(), account):
        return home.readlink()
    if home.is_symlink():
        home.unlink()
    elif home.exists():
        shutil.rmtree(home)
    # Private by mkdtemp. Not in TMPDIR, which may be long too.
    folder = Path(tempfile.mkdtemp(prefix="sei-connect-", dir="/tmp"))
    if account.is_other:
        os.chown(folder, account.uid, account.gid)
    home.symlink_to(folder)
    return folder


def _is_private(folder: Path, account: Account) -> bool:
    """Whether the folder is still ours: a cleaner of /tmp may have removed it and a stranger taken its name."""
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == account.uid and not status.st_mode & 0o077
