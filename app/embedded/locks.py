"""Who is there, who may start and stop, and which server lives: all three by `flock`, which dies with its holder.

Process ids would need care for ids given out again, for zombies that nobody reaps in a container, and for files left
by a crash. A lock needs none: the kernel lets go when the last process that holds it is gone.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MEMBERS = "embedded.lock"
GATE = "embedded.start.lock"


class Member:
    """One entry into `running`. A fork shares it, and only the process that entered may decide at the end."""

    def __init__(self, var: Path) -> None:
        self._path = var / MEMBERS
        self._lock = _open(self._path)
        self._owner = os.getpid()

    @property
    def is_ours(self) -> bool:
        """Whether this process entered, rather than an ancestor that forked it."""
        return self._owner == os.getpid()

    def join(self) -> None:
        """Be counted. Never waits: whoever takes this lock exclusively holds the gate, as we do now."""
        fcntl.flock(self._lock, fcntl.LOCK_SH)

    def leave(self) -> bool:
        """Be counted no more; whether nobody is left. Only while holding the gate."""
        # A folder that was deleted under us took its servers' data with it; what is there now belongs to others.
        is_same = os.path.samestat(os.fstat(self._lock), self._path.stat())
        self.close()
        # Asked of a lock of its own: turning ours into an exclusive one would overrule a fork that still shares it.
        return is_same and not is_held(self._path)

    def close(self) -> None:
        """Let go without a decision. Not LOCK_UN, which would unlock it for forks as well."""
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)


@contextmanager
def gate(var: Path) -> Iterator[None]:
    """Alone with the decision to start or stop."""
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
    """A lock that a server inherits at its start and holds, with all its children, as long as any of them lives."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def is_held(self) -> bool:
        """Whether the server, or a child that outlived it, is alive."""
        return is_held(self._path)

    @contextmanager
    def lent(self) -> Iterator[int]:
        """The locked descriptor, to be inherited by the server. Closing our copy does not unlock the server's."""
        lock = _open(self._path)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield lock
        finally:
            os.close(lock)


def _open(path: Path) -> int:
    """A lock file, which belongs to the folder's owner even if root made it. Not inherited across exec."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    if os.geteuid() == 0:
        beside = path.parent.stat()
        os.fchown(lock, beside.st_uid, beside.st_gid)
    return lock
