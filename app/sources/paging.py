"""The page loop and its guards, for every list of every source.

Jira's token walks have ended early, repeated a token and sent runs of empty pages. The loop fetches a page, checks it
and yields it; completeness against the site's own count is the caller's business.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from app.conditions import Code
from app.errors import WalkAstray
from app.sources.outcomes import Broken, Gone, NotForUs, NotOffered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from msgspec import Raw

    from app.catalog.json_value import Json

_EMPTY_LIMIT = 3
"""Consecutive empty pages that still pass."""
_PAGE_LIMIT = 20_000
"""Most pages of one list: at 5,000 ids a page, a hundred million issues."""
ISSUE_PAGE = 100
"""Whole issues that Jira Cloud sends in one page at most, however many are asked for."""
READ_BATCH = 50
"""Issues of one read by ids: `reconcileIssues`, which makes a search see the latest writes, takes 50 ids at most."""
SURPLUS = 1000
"""Objects beyond twice the expected count that still pass: a site grows while it is walked."""


@dataclass(frozen=True)
class Place:
    """Position in a list: a token or an offset."""

    token: str | None = None
    offset: int = 0


@dataclass(frozen=True)
class Page:
    """One page and the place of the next one; `next` is None at the end."""

    items: list[Json | Raw]
    """Octets or parsed objects (`app.jira.client.whole` reads either)."""
    next: Place | None
    total: int | None
    """The list's length as the site states it; None where it doesn't."""
    sent_at: datetime
    size: int = field(default=0, kw_only=True)
    """Octets of the answer."""
    site_time: datetime | None = field(default=None, kw_only=True)
    """The site's clock, to the second; None where the answer carries no date."""
    unreadable_issues: Mapping[str, NotOffered | NotForUs | Broken] = field(default_factory=dict, kw_only=True)
    """Findings about issues of the page that are there and can't be had, by id."""
    list_length: int | None = field(default=None, kw_only=True)
    """Objects that the list names; None where each of them is in `items`."""

    @property
    def length(self) -> int:
        """Length of this part of the list, with the objects that can't be had."""
        return len(self.items) if self.list_length is None else self.list_length

    def drained(self) -> Iterator[Json | Raw]:
        """The items, once only: each is replaced by None in `items` as it is yielded, to free memory."""
        for position, item in enumerate(self.items):
            self.items[position] = None
            yield item


PageOutcome: TypeAlias = Page | NotOffered | NotForUs | Gone | Broken


@dataclass
class WalkGuard:
    """Detects a walk in circles, a run of empty pages, and a walk without an end."""

    expected: int | None = None
    """The site's own count; None where it has none."""
    seen: int = 0
    pages: int = 0
    empty_pages: int = 0
    tokens: set[str] = field(default_factory=set)

    def check(self, page: Page) -> None:
        """Count a page. Raises WalkAstray."""
        self.pages += 1
        self.seen += page.length
        self.empty_pages = 0 if page.length else self.empty_pages + 1
        token = page.next.token if page.next else None
        if token is not None and token in self.tokens:
            raise WalkAstray(Code.TOKEN_REPEATED)
        if token is not None:
            self.tokens.add(token)
        if page.next is not None and self.empty_pages > _EMPTY_LIMIT:
            raise WalkAstray(Code.PAGES_EMPTY)
        if self.expected is not None and self.seen > 2 * self.expected + SURPLUS:
            raise WalkAstray(Code.PAGES_BEYOND_COUNT)
        if page.next is not None and self.pages >= _PAGE_LIMIT:
            raise WalkAstray(Code.LIST_ENDLESS)


def follow(
    fetch: Callable[[Place], PageOutcome], start: Place | None = None, guard: WalkGuard | None = None
) -> Iterator[PageOutcome]:
    """Every page from a place on. A finding is yielded as the last element. Raises JiraFailure, WalkAstray among them."""
    guard = guard or WalkGuard()
    place: Place | None = start or Place()
    while place is not None:
        page = fetch(place)
        if not isinstance(page, Page):
            yield page
            return
        guard.check(page)
        yield page
        place = page.next
