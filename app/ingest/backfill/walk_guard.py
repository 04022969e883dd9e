"""How a walk goes, page by page: what tells that it goes in circles or never ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.errors import WalkAstray

if TYPE_CHECKING:
    from app.jira import pages
    from app.store.checkpoints import Chunk

LARGEST = 1000
"""Issues a chunk may have before it is halved: ten pages, so that a site of any size keeps a crew busy."""
_MOST_EMPTY = 3


@dataclass
class WalkGuard:
    """A walk under way: its chunk at its last checkpoint, what Jira counts, and the tokens it has had."""

    chunk: Chunk
    expected: int | None
    empty: int = 0
    tokens: set[str] = field(default_factory=set)

    def check(self, page: pages.Page) -> None:
        """Raises WalkAstray."""
        self.empty = 0 if page.items else self.empty + 1
        token = page.next.token if page.next else None
        if token is not None and token in self.tokens:
            raise WalkAstray("Jira repeated a page token.")
        if token is not None:
            self.tokens.add(token)
        if page.next is not None and self.empty > _MOST_EMPTY:
            raise WalkAstray("Jira keeps sending empty pages.")
        if self.expected is not None and self.chunk.seen + len(page.items) > 2 * self.expected + LARGEST:
            raise WalkAstray("Jira sends more than twice what it counted.")
