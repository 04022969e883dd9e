"""A real PostgreSQL and a real Valkey in `var/`, for one machine without servers of its own.

Started by the first process that needs them, shared by all, stopped by the last that leaves. Every process inside
`running` holds a shared lock on `var/embedded.lock`; the kernel drops it however the process ends, so nobody has to
count, and a list of process ids that outlives its processes cannot exist. The servers are not children of anyone.
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
    """Where the servers answer. None where a server was not asked for."""

    database_url: str | None
    redis_url: str | None


@contextmanager
def running(var: Path, *, postgres: bool, valkey: bool) -> Iterator[Servers]:
    """Keep the servers asked for running while the body runs. Raises EmbeddedError, which says what to do.

    A process forked inside the body shares its parent's membership: when it unwinds through here it only lets go, and
    as long as it lives, a parent that was killed still counts.
    """
    with explained(var):
        var = _prepared(var)
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


def _prepared(var: Path) -> Path:
    """The folder, made if missing. Root's belongs to whoever owns the checkout, so that one `sudo` spoils nothing."""
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
    """Stop both servers if nobody else is left; whoever did not ask for one may still be the last to use it.

    A failure to stop is told in the log: it must not hide how the body ended, and the next to come deals with it.
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
