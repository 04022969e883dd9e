"""A real PostgreSQL and a real Valkey in `var/`, for one machine without servers of its own.

The first process starts them, all processes share them, and the last one to leave stops them. Every process inside
`running` holds a shared lock on `var/embedded.lock`. The kernel drops it however the process ends, so nothing has to be
counted, and there is no list of process ids to go stale. The servers are not children of any of our processes.
"""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.embedded.account import account_for
from app.embedded.failure import EmbeddedError, explained
from app.embedded.locks import Member, gate
from app.embedded.postgres import Postgres
from app.embedded.sockets import discard, sockets_for
from app.embedded.valkey import Valkey

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["EmbeddedError", "Servers", "running"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Servers:
    """The servers' addresses; None without a request for one."""

    database_url: str | None
    redis_url: str | None


@contextmanager
def running(var: Path, *, postgres: bool, valkey: bool) -> Iterator[Servers]:
    """Keep the requested servers running while the body runs. Raises EmbeddedError, which names the remedy.

    A process forked inside the body shares its parent's membership: on its way out it only closes its copy of the lock,
    and while it lives, a killed parent still counts.
    """
    with explained(var):
        var = _prepare(var)
        member = Member(var)
    try:
        with explained(var), gate(var):
            member.join()
            servers = _start(var, postgres=postgres, valkey=valkey)
        yield servers
    finally:
        if member.is_ours:
            _leave(var, member)
        member.close()


def _prepare(var: Path) -> Path:
    """The folder, created if missing. Root gives it to the checkout's owner, so one `sudo` spoils nothing."""
    if not var.exists():
        var.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            beside = var.parent.stat()
            os.chown(var, beside.st_uid, beside.st_gid)
    return var.resolve()


def _start(var: Path, *, postgres: bool, valkey: bool) -> Servers:
    account = account_for(var)
    sockets = sockets_for(var, account)
    return Servers(
        database_url=Postgres(var, sockets, account).start() if postgres else None,
        redis_url=Valkey(var, sockets, account).start() if valkey else None,
    )


def _leave(var: Path, member: Member) -> None:
    """Stop both servers, even one without a request from this process, if no other process is left.

    A failure to stop is only logged: it must not hide how the body ended, and the next process deals with the server.
    """
    try:
        with suppress(FileNotFoundError), explained(var), gate(var):
            if member.leave():
                _stop(var)
    except EmbeddedError as error:
        _log.error("%s", error)


def _stop(var: Path) -> None:
    account = account_for(var)
    sockets = sockets_for(var, account)
    try:
        Valkey(var, sockets, account).stop()
    finally:
        Postgres(var, sockets, account).stop()
    discard(var)
