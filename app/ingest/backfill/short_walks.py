"""Walks that end before the site's own count.

A list that states more objects than it sends proves nothing about the ones that it leaves out: none is buried. It is
walked again a few times; then its rows are kept, the gap is recorded, and the list is set aside (`writing.unreadable`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.conditions import Code, Condition
from app.errors import JiraNonsense
from app.ingest.backfill.retry import back_off
from app.ingest.writing import unreadable
from app.ingest.writing.unreadable import Part
from app.sources import Broken
from app.store import checkpoints

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.store.checkpoints import Chunk
    from app.store.session import Session

LIMIT = 3
"""Repetitions of a walk that falls short without getting further."""


class End(NamedTuple):
    """The end of a walk: its chunk, the objects of its last page, and the site's own count."""

    chunk: Chunk
    page_length: int
    expected: int | None

    @property
    def total(self) -> int:
        """Objects of the whole walk."""
        return self.chunk.seen + self.page_length

    @property
    def is_short(self) -> bool:
        """Whether the site counts more objects than it sent."""
        return self.expected is not None and self.total < self.expected


def finish(session: Session, ends: Sequence[End]) -> None:
    """Finish walks in the transaction of their last pages; a short one is walked again first. Raises LeaseLost."""
    whole_ends = [end for end in ends if not end.is_short]
    final_ends: list[tuple[Chunk, int, int | None, Condition | None]] = [(*end, None) for end in whole_ends]
    for end in ends:
        if not end.is_short:
            continue
        chunk, part = end.chunk, Part(end.chunk.entity, end.chunk.scope_id)
        expected_count = end.expected or 0
        failure = JiraNonsense(Code.LIST_CUT, entity=chunk.entity, total=expected_count, count=end.total)
        if chunk.entity == "issue":
            # Issues are counted by project (`proof.counting`), and their walks repeated by the walker.
            problem = Condition(Code.WALK_SHORT, expected=expected_count) if chunk.attempts >= LIMIT else None
            final_ends.append((*end, problem))
        elif chunk.attempts < LIMIT - 1 and not unreadable.is_set_aside(session, part):
            checkpoints.restart(session, chunk, until=back_off(chunk.attempts), problem=failure.problem)
        else:
            final_ends.append((*end, failure.problem))
            unreadable.set_aside(session, part, Broken(failure))
    if final_ends:
        checkpoints.finish_all(session, final_ends)
    for name in {end.chunk.entity for end in whole_ends}:
        scope_ids = {end.chunk.scope_id for end in whole_ends if end.chunk.entity == name}
        if name == "issue":
            # A project has many walks, each over a range of its issues.
            scope_ids -= checkpoints.failed_scopes(session, name)
        unreadable.clear(session, name, scope_ids)
