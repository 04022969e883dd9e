"""Requests to a site, and checks of its answers."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import DecodeError, ProtocolError, ReadTimeoutError

from app.errors import JiraBusy, JiraDown, JiraGone, JiraNonsense, JiraRefused
from app.jira.client import Connections, Site, cut, parse, query_of, whole
from app.jira.credentials.connect_jwt import ConnectJwt
from tests.fakes.limiter import OpenLimiter, open_gate
from tests.fakes.site import SITE_HOSTS, URL, Unsigned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.wire import Wire
    from tests.unit.conftest import FrozenClock


def test_get_sends_the_address_as_written_and_no_body(site: Site, wire: Wire) -> None:
    wire.answers({"ok": True})
    assert site.get("/rest/api/3/search/jql", {"jql": "project = A&B", "fields": ["a", "b"]}).body == {"ok": True}
    (request,) = wire.requests
    assert request.method == "GET"
    assert request.url == f"{URL}/rest/api/3/search/jql?jql=project%20%3D%20A%26B&fields=a&fields=b"
    assert request.body is None
    assert "Content-Length" not in request.headers
    assert "Content-Type" not in request.headers


def test_post_sends_json(site: Site, wire: Wire) -> None:
    wire.answers({})
    site.post("/rest/api/3/permissions/check", {"accountId": "ü", "globalPermissions": ["ADMINISTER"]})
    (request,) = wire.requests
    assert request.method == "POST"
    assert request.body == '{"accountId":"ü","globalPermissions":["ADMINISTER"]}'.encode()
    assert request.headers["Content-Type"] == "application/json"


def test_every_request_says_who_asks_and_waits_for_less_than_a_lease(site: Site, wire: Wire) -> None:
    wire.answers({})
    site.get("/x")
    assert wire.requests[0].headers["User-Agent"] == "sei-connect-jira test"
    assert wire.requests[0].headers["Accept"] == "application/json"
    assert wire.timeouts == [(5.0, 25.0)]


def test_what_is_signed_is_what_is_sent(wire: Wire) -> None:
    connections = Connections("test", SITE_HOSTS)
    connections.to(URL).mount(URL, wire)
    credential = ConnectJwt(app_key="app", client_key="acme", shared_secret="s" * 48, base_url=URL)
    site = Site(URL, credential, connections, SITE_HOSTS, open_gate())
    wire.answers({})
    wire.answers({})
    site.get("/x", {"a": "b c"})
    site.post("/x", {})
    tokens = [request.headers["Authorization"] for request in wire.requests]
    assert all(token.startswith("JWT ") for token in tokens)
    assert tokens[0] != tokens[1], "one token a request"


def test_the_answer_knows_when_it_was_asked_for(site: Site, wire: Wire, frozen_clock: FrozenClock) -> None:
    start = frozen_clock.at

    def late() -> Iterator[bytes]:
        frozen_clock.move(20)
        yield b"[]"

    wire.streams(late())
    assert site.get("/x").sent_at == start


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(site: Site, wire: Wire, status: int) -> None:
    wire.answers(status=status, headers={"Location": "https://evil.test/"})
    with pytest.raises(JiraNonsense):
        site.get("/x")
    assert len(wire.requests) == 1


def test_no_cookie_is_kept(site: Site, wire: Wire) -> None:
    wire.answers({}, headers={"Set-Cookie": "atlassian.xsrf.token=abc; Path=/"})
    wire.answers({})
    site.get("/x")
    site.get("/x")
    assert "Cookie" not in wire.requests[1].headers


@pytest.mark.parametrize(
    "error",
    [
        requests.ConnectTimeout(),
        requests.ReadTimeout(),
        requests.ConnectionError("no route"),
        requests.exceptions.SSLError(),
        requests.exceptions.ProxyError(),
        requests.exceptions.InvalidURL(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_no_answer_is_a_site_that_is_down(site: Site, wire: Wire, error: requests.RequestException) -> None:
    wire.fails(error)
    with pytest.raises(JiraDown) as failure:
        site.get("/x")
    assert type(error).__name__ in str(failure.value)


@pytest.mark.parametrize(
    "error",
    [ProtocolError("reset"), ReadTimeoutError(None, URL, "slow"), DecodeError("gzip")],
    ids=["cut", "slow", "garbled"],
)
def test_an_answer_that_breaks_off_is_a_site_that_is_down(site: Site, wire: Wire, error: Exception) -> None:
    def broken() -> Iterator[bytes]:
        yield b'{"issues": ['
        raise error

    wire.streams(broken())
    with pytest.raises(JiraDown):
        site.get("/x")
    assert wire.bodies[0].is_closed


def test_a_failure_is_told_by_status_whatever_the_body(site: Site, wire: Wire) -> None:
    wire.answers(b"<html>gone</html>", status=404)
    with pytest.raises(JiraGone):
        site.get("/x")
    wire.answers(b"", status=429, headers={"retry-after": "5"})
    with pytest.raises(JiraBusy):
        site.get("/x")


def test_an_endless_answer_is_given_up_on(site: Site, wire: Wire) -> None:
    def endless() -> Iterator[bytes]:
        piece = bytes(1 << 20)
        while True:
            yield piece

    wire.streams(endless())
    with pytest.raises(JiraNonsense):
        site.get("/x")
    assert wire.bodies[0].size <= (128 + 1) << 20
    assert wire.bodies[0].is_closed


@pytest.mark.parametrize(
    "body",
    [b"<html>Log in</html>", b'{"issues": [', b"{'a': 1}", b"\xff\xfe{}", b"[" * 100_000, b"   "],
    ids=["HTML", "cut", "no JSON", "UTF-16", "deep and cut", "blank"],
)
def test_an_answer_that_is_no_json_is_nonsense(site: Site, wire: Wire, body: bytes) -> None:
    wire.answers(body)
    with pytest.raises(JiraNonsense):
        site.get("/x")


def test_an_empty_answer_is_nothing(site: Site, wire: Wire) -> None:
    wire.answers(status=204)
    assert site.get("/x").body is None


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'"\\ud83d"', "\ud83d"),
        (b'{"a": "\\udc00 x"}', {"a": "\udc00 x"}),
        (b'"\xc3"', "\ufffd"),
        (b"12345678901234567890123", 12345678901234567890123),
        (b'{"a": 1, "a": 2}', {"a": 2}),
    ],
)
def test_what_users_really_type_is_read(body: bytes, value: object) -> None:
    value_read = parse(body)
    assert value_read == value or float(value_read) == float(value)  # type: ignore[arg-type]  # large numbers may come as floats


@given(st.binary(max_size=200))
def test_no_bytes_make_parsing_raise_anything_else(body: bytes) -> None:
    try:
        parse(body)
    except JiraNonsense:
        return


@given(st.lists(st.tuples(st.text(min_size=1, max_size=8), st.text(max_size=8)), unique_by=lambda pair: pair[0]))
def test_a_query_reads_back_and_holds_no_plus(pairs: list[tuple[str, str]]) -> None:
    query = query_of(dict(pairs))
    assert parse_qsl(query[1:], keep_blank_values=True) == pairs
    assert "+" not in query
    assert query.isascii()


@pytest.mark.parametrize(
    ("params", "query"),
    [
        ({}, ""),
        ({"startAt": 0}, "?startAt=0"),
        ({"status": ("live", "archived")}, "?status=live&status=archived"),
        ({"none": ()}, ""),
        ({"jql": "a ~ 'b+c'"}, "?jql=a%20~%20%27b%2Bc%27"),
    ],
)
def test_lists_are_repeated_in_the_order_given(params: dict[str, object], query: str) -> None:
    assert query_of(params) == query  # type: ignore[arg-type]  # the table's values are parameters


@pytest.mark.parametrize("url", ["https://evil.com", "http://acme.atlassian.net", "https://acme.atlassian.net:8443"])
def test_nothing_leaves_for_an_address_off_the_list(wire: Wire, url: str) -> None:
    connections = Connections("test", SITE_HOSTS)
    connections.to(url).mount(url, wire)
    with pytest.raises(JiraRefused):
        Site(url, Unsigned(), connections, SITE_HOSTS, open_gate()).get("/x")
    assert wire.requests == []


def test_every_answer_is_told_to_the_limiter_success_or_not(wire: Wire) -> None:
    limiter, connections = OpenLimiter(), Connections("test", SITE_HOSTS)
    connections.to(URL).mount(URL, wire)
    site = Site(URL, Unsigned(), connections, SITE_HOSTS, open_gate(limiter))
    wire.answers({"ok": True})
    site.get("/rest/api/3/issue/10063")
    wire.answers({}, status=429, headers={"Retry-After": "7"})
    with pytest.raises(JiraBusy):
        site.get("/rest/api/3/issue/10064")
    assert limiter.admissions == ["GET /rest/api/3/issue/{}"] * 2
    assert limiter.settlements == [200, 429]


def test_a_refusal_holds_even_where_its_body_breaks_off(wire: Wire) -> None:
    def broken() -> Iterator[bytes]:
        yield b'{"errorMessages": ['
        raise ProtocolError("reset")

    limiter, connections = OpenLimiter(), Connections("test", SITE_HOSTS)
    connections.to(URL).mount(URL, wire)
    site = Site(URL, Unsigned(), connections, SITE_HOSTS, open_gate(limiter))
    wire.streams(broken(), status=429, headers={"Retry-After": "7"})
    with pytest.raises(JiraDown):
        site.get("/rest/api/3/issue/10064")
    assert limiter.settlements == [429]


def test_a_page_is_cut_and_what_is_in_it_read_one_by_one() -> None:
    page = cut(
        bytearray(b'{"issues": [{"id": "1", "list": [1, {"a": []}]}, 2], "isLast": true, "total": 2, "n": {"x": [1]}}')
    )
    assert isinstance(page, dict)
    issues = page.pop("issues")
    assert isinstance(issues, list)
    assert [whole(item) for item in issues] == [{"id": "1", "list": [1, {"a": []}]}, 2]
    assert page == {"isLast": True, "total": 2, "n": {"x": [1]}}


@pytest.mark.parametrize(
    ("body", "items"),
    [
        (b'{"issues": ["lone \\ud83d surrogate"]}', ["lone \ud83d surrogate"]),
        (b'{"issues": [18446744073709551616], "total": 36893488147419103232}', [2**64]),
        (b'{"issues": null}', None),
        (b"[1, 2]", None),
    ],
)
def test_a_page_like_no_other_is_read_all_the_same(body: bytes, items: list[object] | None) -> None:
    page = cut(bytearray(body))
    page_items = page.get("issues") if isinstance(page, dict) else None
    assert (page_items if page_items is None else [whole(item) for item in page_items]) == items  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "body", [b'{"issues": [{"id": "1"}', b'{"issues": [{"id" "1"}]}', b'{"issues": [{"id": "\\x"}]}', b"<html>"]
)
def test_a_page_that_is_no_json_is_nonsense(body: bytes) -> None:
    with pytest.raises(JiraNonsense):
        [whole(item) for item in cut(bytearray(body))["issues"]]  # type: ignore[index,call-overload,union-attr]
