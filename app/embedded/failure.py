"""Failures of an embedded server, explained to people."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LAST_LINES = 15
_TAIL_BYTES = 8192


class EmbeddedError(RuntimeError):
    """An embedded server cannot run here; the message names the remedy."""

    def __init__(self, problem: str, *, instead: str, log: Path | None = None, output: str = "") -> None:
        lines = [problem, f"Set {instead} to a server of your own, or fix the cause."]
        if output.strip():
            lines += ["It said:", *(f"  {line}" for line in output.strip().splitlines()[-LAST_LINES:])]
        if log is not None:
            lines += [f"Log: {log}", *(f"  {line}" for line in last_lines(log))]
        super().__init__("\n".join(lines))


def last_lines(log: Path) -> list[str]:
    """The last lines of a log; none if it was never written or is not readable."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            return file.read().decode(errors="replace").splitlines()[-LAST_LINES:]
    except OSError:
        return []


@contextmanager
def explained(var: Path) -> Iterator[None]:
    """Turn errors of the operating system into EmbeddedError, except for a missing file."""
    try:
        yield
    except FileNotFoundError:
        raise
    except subprocess.TimeoutExpired as error:
        message = f"{error.cmd[0]} does not come to an end. Is the disk of {var} full or very slow?"
        raise EmbeddedError(message, instead="DATABASE_URL and REDIS_URL") from error
    except OSError as error:
        message = f"The data folder {var} cannot be used: {error}. Does it belong to another user (was it root once)?"
        raise EmbeddedError(message, instead="DATABASE_URL and REDIS_URL") from error
