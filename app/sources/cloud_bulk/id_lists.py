"""Ids of a scope, swept by search; the places of pages among them; and the pages that are being read."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from app.catalog.json_value import find
from app.jira.client import whole
from app.sources.cloud import issues
from app.sources.paging import Page, Place

if TYPE_CHECKING:
    from datetime import datetime

    from app.sources.cloud.rest import CloudSession
    from app.sources.outcomes import Finding
    from app.sources.scope import Scope

_LIMIT = 64
"""Pages of ids in memory: more than there are walks in a process."""
_ID = re.compile(r"[0-9]+", re.ASCII)
_TOKEN = re.compile(r"ids:([0-9]*):(.*)", re.DOTALL | re.ASCII)


class Position(NamedTuple):
    """Position in a sweep: behind an id of the page of ids that a token names. A new sweep has neither."""

    id_token: str = ""
    last_id: str = ""

    @property
    def place(self) -> Place:
        """The position as a place that a checkpoint stores; each has a token of its own."""
        return Place(token=f"ids:{self.last_id}:{self.id_token}")


def position_of(place: Place) -> Position | None:
    """The position of a place; None for a place in a walk of whole issues, as `app.sources.cloud` makes it."""
    if place.token is None:
        return Position()
    match = _TOKEN.fullmatch(place.token)
    return Position(match[2], match[1]) if match else None


@dataclass(frozen=True)
class IdList:
    """One page of ids, oldest issue first."""

    ids: tuple[str, ...]
    id_token: str
    next_token: str | None
    sent_at: datetime
    site_time: datetime | None

    def behind(self, last_id: str, size: int) -> tuple[str, ...]:
        """The next ids behind one. Where that id left the page, the page starts over: reading twice loses nothing."""
        start = self.ids.index(last_id) + 1 if last_id in self.ids else 0
        return self.ids[start : start + size]

    def next_place(self, batch: tuple[str, ...]) -> Place | None:
        """The place behind a batch of this page."""
        if batch and batch[-1] != self.ids[-1]:
            return Position(self.id_token, batch[-1]).place
        return Position(self.next_token).place if self.next_token else None


class IdLists:
    """The pages of ids that the walks of one source are reading."""

    def __init__(self) -> None:
        self._lists: OrderedDict[tuple[str, str], IdList] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, site: CloudSession, scope: Scope, position: Position) -> IdList | Finding:
        """The page of a position: from memory while a walk goes through it, else from the site. Raises a JiraFailure."""
        key = issues.by_creation(scope), position.id_token
        with self._lock:
            id_list = self._lists.get(key) if position.last_id else None
        if id_list is not None:
            return id_list
        page = issues.id_page(site, scope, Place(token=position.id_token or None))
        if not isinstance(page, Page):
            return page
        ids = dict.fromkeys(filter(_ID.fullmatch, (str(find(whole(item), "id")) for item in page.items)))
        next_token = page.next.token if page.next else None
        id_list = IdList(tuple(ids), position.id_token, next_token, page.sent_at, page.site_time)
        with self._lock:
            self._lists[key] = id_list
            self._lists.move_to_end(key)
            if len(self._lists) > _LIMIT:
                self._lists.popitem(last=False)
        return id_list
