"""A log of the statements that a test sends to PostgreSQL: a loop of queries shows in their number."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, event

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def logged_statements() -> Iterator[list[str]]:
    """The statements of this thread within the block, on every engine.

    A statement that is executed for many rows counts once per row, as the server counts it. COPY, which bypasses
    SQLAlchemy, doesn't count, nor do BEGIN, COMMIT and ROLLBACK, nor the staging tables' own statements: these depend on
    the pages that the connection wrote before.
    """
    thread, statements = threading.get_ident(), list[str]()

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, is_many: bool) -> None:
        if threading.get_ident() == thread and not statement.startswith(("CREATE TEMPORARY TABLE", "TRUNCATE")):
            # An INSERT … VALUES of many rows comes with one set of parameters, other executions with a list of sets.
            count = len(parameters) if is_many and isinstance(parameters, list) else 1
            statements.extend([" ".join(statement.split())] * count)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)
