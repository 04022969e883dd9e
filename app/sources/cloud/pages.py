"""One page of a list, for every paging style."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.catalog.json_value import Json, find
from app.catalog.language import Paging, Walk
from app.conditions import Code
from app.errors import JiraNonsense
from app.sources.paging import Page, Place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.sources.cloud.rest import CloudSession


def fetch(
    site: CloudSession,
    walk: Walk,
    place: Place,
    *,
    path: str,
    params: Mapping[str, str | int | Sequence[str | int]] | None = None,
    size: int | None = None,
) -> Page:
    """Fetch the page at a place. `params` come on top of the walk's; `size` replaces its page size. Raises a JiraFailure."""
    query: dict[str, str | int | Sequence[str | int]] = {**walk.params, **(params or {})}
    if walk.paging is not Paging.WHOLE:
        query["maxResults"] = size or walk.page_size
    if walk.paging is Paging.OFFSET:
        query["startAt"] = place.offset
    elif place.token:
        query["nextPageToken"] = place.token
    answer = site.get(path, query, is_page=bool(walk.items))
    items = [answer.body] if walk.is_single and is_one_object(answer.body) else list_in(answer.body, walk.items, path)
    if walk.is_never_empty and not items and place == Place():
        raise JiraNonsense(Code.LIST_EMPTY, path=path)
    total = find(answer.body, "total")
    return Page(
        items=[*items],
        next=_next(walk.paging, place, answer.body, len(items), size or walk.page_size),
        total=total if isinstance(total, int) else len(items) if walk.paging is Paging.WHOLE else None,
        sent_at=answer.sent_at,
        size=answer.size,
        site_time=answer.site_time,
    )


def list_in(body: Json, at: str, path: str) -> list[Json]:
    """The list at a dotted path of an answer. Raises JiraNonsense: an answer without its list is no empty one."""
    items = find(body, at)
    if not isinstance(items, list):
        raise JiraNonsense(Code.LIST_MISSING, path=path, place=at or "its top")
    return items


def is_one_object(body: Json) -> bool:
    """Whether an answer is an object of the site. Jira has sent its errors, and nothing at all, with status 200."""
    return isinstance(body, dict) and bool(body) and "errorMessages" not in body


def _next(paging: Paging, place: Place, body: Json, length: int, size: int) -> Place | None:
    if paging is Paging.WHOLE:
        return None
    return next_token(place, body) if paging is Paging.TOKEN else _next_offset(place, body, length, size)


def next_token(place: Place, body: Json) -> Place | None:
    """The place after a page with tokens; None at the end. Raises JiraNonsense for a token that isn't new."""
    token = find(body, "nextPageToken")
    if find(body, "isLast") is True or not token:
        return None
    if not isinstance(token, str) or token == place.token:
        raise JiraNonsense(Code.TOKEN_REPEATED)
    return Place(token=token)


def _next_offset(place: Place, body: Json, length: int, size: int) -> Place | None:
    """`isLast` where Jira sends it, else `total`; the offset moves by the page's length, since Jira caps pages as it likes.

    A page may be empty before the end, where the caller sees none of its objects.
    """
    total, is_last = find(body, "total"), find(body, "isLast")
    if is_last is False:
        return Place(offset=place.offset + (length or size))
    offset = place.offset + length
    if length == 0 or is_last is True or (isinstance(total, int) and offset >= total):
        return None
    return Place(offset=offset)
