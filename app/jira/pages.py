"""One page of a walk in any style of paging.

Jira's token walks have ended early, repeated a token and sent empty pages with tokens. A repeated token is a failure
here; the caller checks for runs of empty pages and compares the count of a finished walk.
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
"""Jira's own limit of issues a page when all their fields are requested."""


@dataclass(frozen=True)
class Place:
    """The position of a walk: a token or an offset."""

    token: str | None = None
    offset: int = 0


@dataclass(frozen=True)
class Page:
    """One page and the place of the next; `next` is None at the end. Its items are parsed one by one (`client.whole`)."""

    items: list[Json | Raw]
    next: Place | None
    total: int | None
    sent_at: datetime
    size: int = field(default=0, kw_only=True)
    """Octets of the answer."""

    def drained(self) -> Iterator[Json | Raw]:
        """The items, each released with the next: parsed octets need not stay in memory until they are stored."""
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
    """Fetch the page at a place. `path` is the walk's path with its ids filled in; `params` extend the walk's own.

    `size` is the limit of objects, by default the walk's own.
    """
    query: dict[str, str | int | Sequence[str | int]] = {**walk.params, **params}
    if walk.paging is not Paging.WHOLE:
        query["maxResults"] = size or walk.page_size
    if walk.paging is Paging.OFFSET:
        query["startAt"] = place.offset
    elif place.token:
        query["nextPageToken"] = place.token
    answer = site.get(path, query, is_page=bool(walk.items))
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
    """Trust `isLast` where Jira sends it, else `total`. The offset moves by the actual length: Jira may cap pages."""
    total, is_last = find(body, "total"), find(body, "isLast")
    next_offset = place.offset + length
    if length == 0 or is_last is True:
        return None
    if is_last is None and isinstance(total, int) and next_offset >= total:
        return None
    return Place(offset=next_offset)
