"""A page of a walk in three styles of paging, and the guards of every walk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from app.catalog.language import Paging, Walk
from app.errors import JiraNonsense
from app.jira.client import whole
from app.sources import Page, Place
from app.sources.cloud.pages import fetch

if TYPE_CHECKING:
    from app.jira.client import Site
    from tests.fakes.wire import Wire

TOKEN = Walk("/search", Paging.TOKEN, "issues", page_size=100, params={"fields": ("a", "b")})
OFFSET = Walk("/boards", Paging.OFFSET, "values", page_size=50)
WHOLE = Walk("/labels", Paging.WHOLE, "")
NEVER_EMPTY = Walk("/fields", Paging.WHOLE, "", is_never_empty=True)


def page(site: Site, walk: Walk, place: Place = Place(), **params: Any) -> Page:  # noqa: B008 - frozen
    return fetch(site, walk, place, path=walk.path, params=params)


def last_parameters(wire: Wire) -> list[tuple[str, str]]:
    """The parameters of the last request."""
    return parse_qsl(urlsplit(wire.requests[-1].url or "").query)


def test_a_token_walk_asks_with_its_parameters_and_then_with_the_token(site: Site, wire: Wire) -> None:
    wire.answers({"issues": [1, 2], "nextPageToken": "t1"})
    first = page(site, TOKEN, jql="project = A")
    assert last_parameters(wire) == [("fields", "a"), ("fields", "b"), ("jql", "project = A"), ("maxResults", "100")]
    assert ([whole(item) for item in first.items], first.next, first.total) == ([1, 2], Place(token="t1"), None)
    wire.answers({"issues": [3], "isLast": True})
    assert first.next is not None
    assert page(site, TOKEN, first.next).next is None
    assert ("nextPageToken", "t1") in last_parameters(wire)


@pytest.mark.parametrize(
    ("body", "goes_on_at"),
    [
        ({"issues": [1], "nextPageToken": "t2", "isLast": False}, "t2"),
        ({"issues": [1], "nextPageToken": "t2"}, "t2"),
        ({"issues": [], "nextPageToken": "t2"}, "t2"),
        ({"issues": [1], "nextPageToken": "t2", "isLast": True}, None),
        ({"issues": [1], "isLast": False}, None),
        ({"issues": [1]}, None),
        ({"issues": [1], "nextPageToken": None}, None),
        ({"issues": [1], "nextPageToken": ""}, None),
    ],
)
def test_a_token_walk_ends_without_a_token_or_at_the_last(
    site: Site, wire: Wire, body: dict[str, object], goes_on_at: str | None
) -> None:
    wire.answers(body)
    place = page(site, TOKEN, Place(token="t1")).next
    assert (place.token if place else None) == goes_on_at


@pytest.mark.parametrize("token", ["t1", 7, ["t2"], {"t": 2}, True])
def test_a_repeated_or_odd_token_is_nonsense(site: Site, wire: Wire, token: object) -> None:
    wire.answers({"issues": [1], "nextPageToken": token})
    with pytest.raises(JiraNonsense):
        page(site, TOKEN, Place(token="t1"))


def test_an_offset_walk_starts_at_zero_and_moves_by_what_came(site: Site, wire: Wire) -> None:
    wire.answers({"values": [1, 2, 3], "total": 5, "maxResults": 3})
    first = page(site, OFFSET)
    assert last_parameters(wire) == [("maxResults", "50"), ("startAt", "0")]
    assert (first.next, first.total) == (Place(offset=3), 5)
    wire.answers({"values": [4, 5], "total": 5})
    assert first.next is not None
    assert page(site, OFFSET, first.next).next is None
    assert last_parameters(wire) == [("maxResults", "50"), ("startAt", "3")]


@pytest.mark.parametrize(
    ("body", "goes_on_at"),
    [
        ({"values": [1, 2], "isLast": True, "total": 99}, None),
        ({"values": [1, 2], "isLast": False, "total": 2}, 12),
        ({"values": [1, 2], "isLast": False}, 12),
        ({"values": [1, 2], "total": 12}, None),
        ({"values": [1, 2], "total": 13}, 12),
        ({"values": [1, 2], "total": 5}, None),
        ({"values": [1, 2]}, 12),
        ({"values": [], "isLast": False, "total": 99}, 60),
        ({"values": [], "isLast": True, "total": 99}, None),
        ({"values": [], "total": 99}, None),
        ({"values": []}, None),
    ],
)
def test_an_offset_walk_ends_at_the_last_else_at_the_total_else_at_nothing(
    site: Site, wire: Wire, body: dict[str, object], goes_on_at: int | None
) -> None:
    wire.answers(body)
    place = page(site, OFFSET, Place(offset=10)).next
    assert (place.offset if place else None) == goes_on_at


def test_a_whole_list_is_one_page_and_its_own_total(site: Site, wire: Wire) -> None:
    wire.answers([{"id": "summary"}, {"id": "created"}])
    whole_list = page(site, WHOLE)
    assert last_parameters(wire) == []
    assert (len(whole_list.items), whole_list.next, whole_list.total) == (2, None, 2)


@pytest.mark.parametrize("body", [{"issues": {}}, {"values": []}, {}, [], None, "x", {"issues": None}])
@pytest.mark.parametrize("walk", [TOKEN])
def test_an_answer_without_its_list_is_nonsense(site: Site, wire: Wire, walk: Walk, body: object) -> None:
    wire.answers(body)
    with pytest.raises(JiraNonsense):
        page(site, walk)


def test_an_empty_list_is_nonsense_where_every_site_has_one_object_at_least(site: Site, wire: Wire) -> None:
    wire.answers([])
    assert page(site, WHOLE).items == []
    wire.answers([])
    with pytest.raises(JiraNonsense, match="list_empty"):
        page(site, NEVER_EMPTY)


@pytest.mark.parametrize("total", ["5", None, 5.5, [5]])
def test_a_total_that_is_no_number_is_none(site: Site, wire: Wire, total: object) -> None:
    wire.answers({"values": [1], "total": total})
    assert page(site, OFFSET).total is None


def test_a_page_knows_when_it_was_asked_for(site: Site, wire: Wire) -> None:
    wire.answers([])
    wire.answers([])
    assert page(site, WHOLE).sent_at <= page(site, WHOLE).sent_at
