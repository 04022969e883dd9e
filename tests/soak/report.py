"""Output of soaks: a progress bar and one line per event."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from types import TracebackType


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


class Bar:
    """A progress bar below the noted lines; without a terminal, the lines alone."""

    def __init__(self, name: str, total: int) -> None:
        columns = (TextColumn(name), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(file=sys.stdout, soft_wrap=True))
        self._task = self._progress.add_task(name, total=total)

    def __enter__(self) -> Self:
        if self._progress.console.is_terminal:
            self._progress.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        if self._progress.console.is_terminal:
            self._progress.stop()

    def note(self, line: str) -> None:
        if self._progress.console.is_terminal:
            self._progress.console.print(line, highlight=False)
        else:
            say(line)

    def advance(self, line: str, by: int = 1) -> None:
        self.note(line)
        self._progress.advance(self._task, by)
