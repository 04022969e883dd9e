"""Requests for issues: the scope and the field policy decide their content."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import orjson

from app.catalog.field_policy import FieldPolicy
from app.sources import Place, Scope
from app.sources.cloud.source import CloudSource

if TYPE_CHECKING:
    from app.jira.client import Site
    from tests.fakes.wire import Wire

POLICY = FieldPolicy(excluded=("summary", "comment"))
WITHOUT_TEXTS = "*all,-summary,-comment"


def query_of(wire: Wire) -> dict[str, list[str]]:
    return parse_qs(urlsplit(wire.requests[-1].url or "").query)


def test_an_excluded_field_is_not_requested_by_a_walk(site: Site, wire: Wire) -> None:
    wire.answers({"issues": [], "isLast": True})
    CloudSource(site).issues(Scope("10000", 5, 9, POLICY), Place(), 25)
    query = query_of(wire)
    assert query["fields"] == [WITHOUT_TEXTS]
    assert query["jql"] == ["project = 10000 AND created >= 5 AND created < 9 ORDER BY created ASC, key ASC"]
    assert query["maxResults"] == ["25"]


def test_an_excluded_field_is_not_requested_by_a_read_of_ids(site: Site, wire: Wire) -> None:
    wire.answers({"issues": [{"id": "7"}], "isLast": True})
    CloudSource(site).by_ids(["7"], POLICY)
    body = orjson.loads(wire.requests[-1].body or b"")
    assert body["fields"] == ["*all", "-summary", "-comment"]


def test_an_excluded_field_is_not_requested_by_a_direct_read(site: Site, wire: Wire) -> None:
    wire.answers({"id": "7"})
    CloudSource(site).by_ids(["7"], POLICY, deletion_ids=["7"])
    assert query_of(wire)["fields"] == [WITHOUT_TEXTS]
