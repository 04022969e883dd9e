"""One page of a walk, whatever way the endpoint pages, with the guards that every walk needs.

Jira's token walks have ended early, repeated a token and sent empty pages with tokens: a repeated token and a run of
empty pages are failures here, and the count of a finished walk is checked by whoever walked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.catalog.json_value import Json, find
from app.catalog.language import Paging, Walk
from app.errors import JiraNonsense

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from msgspec import Raw

    from app.jira.client import Site


FULL = 100
"""Issues that Jira sends a page when all their fields are asked for, whatever is asked."""


@dataclass(frozen=True)
class Place:
    """Where a walk stands: a token or an offset."""

    token: str | None = None
    offset: int = 0


@dataclass(frozen=True)
class Page:
    """One page and the place of the next; `next` is None at the end. Its items are read one by one (`client.whole`)."""

    items: list[Json | Raw]
    next: Place | None
    total: int | None
    sent_at: datetime
    size: int = field(default=0, kw_only=True)
    """Octets of the answer."""

    def drained(self) -> Iterator[Json | Raw]:
        """The items, each forgotten with the next: octets that were read are not kept until they are stored."""
        for at, item in enumerate(self.items):
            self.items[at] = None
            yield item


def fetch(
    site: Site,
    walk: Walk,
    place: Place,
    *,
    path: str,
    params: Mapping[str, str | int | Sequence[str | int]],
    size: int | None = None,
) -> Page:
    """Fetch the page at a place. `path` is the walk's with its ids filled in; `params` come on top of the walk's.

    `size` is how many objects it may have; the walk's own where there is none.
    """
    asked: dict[str, str | int | Sequence[str | int]] = {**walk.params, **params}
    if walk.paging is not Paging.WHOLE:
        asked["maxResults"] = size or walk.page_size
    if walk.paging is Paging.OFFSET:
        asked["startAt"] = place.offset
    elif place.token:
        asked["nextPageToken"] = place.token
    answer = site.get(path, asked, is_page=bool(walk.items))
    items = find(answer.body, walk.items)
    if walk.paging is Paging.WHOLE and not walk.items and isinstance(items, dict):
        items = [items]
    if not isinstance(items, list):
        raise JiraNonsense(f"{path} has no list at {walk.items or 'its top'!r}.")
    total = find(answer.body, "total")
    return Page(
        items=[*items],
        next=_next(walk.paging, place, answer.body, len(items)),
        total=total if isinstance(total, int) else len(items) if walk.paging is Paging.WHOLE else None,
        sent_at=answer.sent_at,
        size=answer.size,
    )


def _next(paging: Paging, place: Place, body: Json, length: int) -> Place | None:
    if paging is Paging.WHOLE:
        return None
    return _next_token(place, body) if paging is Paging.TOKEN else _next_offset(place, body, length)


def _next_token(place: Place, body: Json) -> Place | None:
    token = find(body, "nextPageToken")
    if find(body, "isLast") is True or not token:
        return None
    if not isinstance(token, str) or token == place.token:
        raise JiraNonsense("Jira repeated a page token.")
    return Place(token=token)


def _next_offset(place: Place, body: Json, length: int) -> Place | None:
    """`isLast` where Jira says so, else `total`; the offset moves by what came, since Jira caps pages as it likes."""
    total, is_last = find(body, "total"), find(body, "isLast")
    reached = place.offset + length
    if length == 0 or is_last is True:
        return None
    if is_last is None and isinstance(total, int) and reached >= total:
        return None
    return Place(offset=reached)
