"""Membership, the right to start and stop, and the life of a server: three uses of `flock`. A lock dies with its holder.

Process ids would need care: they are reused, zombies stay unreaped in a container, and files survive a crash. A lock
needs none: the kernel releases it when its last holder is gone.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MEMBERS = "embedded.lock"
GATE = "embedded.start.lock"


class Member:
    """One entry into `running`. Forks share it; only the entering process decides at the end."""

    def __init__(self, var: Path) -> None:
        self._path = var / MEMBERS
        self._lock = _open(self._path)
        self._owner = os.getpid()

    @property
    def is_ours(self) -> bool:
        """Whether this process itself entered, rather than an ancestor."""
        return self._owner == os.getpid()

    def join(self) -> None:
        """Join the members. Never blocks: exclusive locks are taken only behind the gate, which we hold now."""
        fcntl.flock(self._lock, fcntl.LOCK_SH)

    def leave(self) -> bool:
        """Leave the members. Returns whether nobody is left. Only while holding the gate."""
        # A folder deleted under us took its servers' data with it; its successor belongs to others.
        is_same = os.path.samestat(os.fstat(self._lock), self._path.stat())
        self.close()
        # Checked on a separate descriptor: an exclusive lock on ours would override a fork that still shares it.
        return is_same and not is_held(self._path)

    def close(self) -> None:
        """Close our copy without a decision. Not LOCK_UN, which would unlock it for forks as well."""
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)


@contextmanager
def gate(var: Path) -> Iterator[None]:
    """The exclusive right to start and stop servers."""
    lock = _open(var / GATE)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def is_held(path: Path) -> bool:
    """Whether any process holds this lock."""
    lock = _open(path)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


class Lifeline:
    """A lock inherited by a server at its start; the server and its children hold it while any of them lives."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def is_held(self) -> bool:
        """Whether the server or a surviving child is alive."""
        return is_held(self._path)

    def wait_for_end(self, seconds: float) -> bool:
        """Wait until the server and its children are gone. Returns whether they are."""
        deadline = time.monotonic() + seconds
        while self.is_held():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    @contextmanager
    def lent(self) -> Iterator[int]:
        """The locked descriptor, for the server to inherit. Closing our copy does not unlock the server's."""
        lock = _open(self._path)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield lock
        finally:
            os.close(lock)


def _open(path: Path) -> int:
    """Open a lock file, owned by the folder's owner even if root creates it. Not inherited across exec."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    if os.geteuid() == 0:
        beside = path.parent.stat()
        os.fchown(lock, beside.st_uid, beside.st_gid)
    return lock
