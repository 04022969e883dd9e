"""Asks one Jira site: builds the address once, sends it signed, never follows a redirect, reads JSON within a size.

Connections are pooled per site and process. Proxies and certificate bundles come from the usual variables, as
operators expect (`HTTPS_PROXY`, `NO_PROXY`, `REQUESTS_CA_BUNDLE`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import msgspec
import orjson
import requests
from urllib3.exceptions import HTTPError

from app import clock
from app.errors import JiraDown, JiraNonsense, JiraRefused
from app.jira import hosts
from app.jira.endpoints import endpoint_of
from app.jira.failures import failure_of
from app.jira.wire import OneHop, Prompt, PublicOnly, end_by

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from requests.auth import AuthBase

    from app.catalog.json_value import Json
    from app.jira.limits import Limiter, Permit, Purpose


class Timeouts(NamedTuple):
    """Seconds to connect, for the head of an answer and between two octets of its body, and for the whole body."""

    connect: float
    head: float
    body: float


_TIMEOUT = Timeouts(5.0, 25.0, 60.0)
"""Longer than a chunk's lease, which is renewed meanwhile (`ingest.crew`)."""
_PAGE = 100
"""Objects that Jira sends a page at most, whatever is asked for."""
INTERACTIVE = Timeouts(3.0, 5.0, 5.0)
"""For questions of a web request: a site that hangs must not hold our threads."""
_PIECE = 1 << 18
_PAGE_OF_OCTETS = msgspec.json.Decoder(dict[str, list[msgspec.Raw] | dict[str, Any] | str | int | float | bool | None])
_MAX_BYTES = 128 * 1024 * 1024
"""More than 5,000 issues' worth of fields; an answer beyond it is not one of Jira's."""


@dataclass(frozen=True)
class Answer:
    """A success: the parsed body, when the request for it was sent, and which success."""

    body: Json
    sent_at: datetime
    status: int = 200
    site_time: datetime | None = None
    """What time the site had, to the second, where it said so."""
    size: int = 0
    """Octets of the body, unpacked."""


class Connections:
    """One pooled `requests` session a site address."""

    def __init__(self, user_agent: str, site_hosts: Sequence[str]) -> None:
        self._user_agent = user_agent
        self._site_hosts = site_hosts
        self._sessions: dict[str, requests.Session] = {}

    def to(self, base_url: str) -> requests.Session:
        """The site's session, made at first use."""
        if base_url not in self._sessions:
            session = OneHop()
            session.headers.update({"User-Agent": self._user_agent, "Accept": "application/json"})
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            origin = hosts.origin_of(base_url)
            # Named by its very host, as development does; production refuses such patterns (`config.is_loose`).
            is_named = origin is not None and hosts.is_private_ok(origin.host, self._site_hosts)
            adapter = Prompt if is_named else PublicOnly
            session.mount(base_url, adapter(pool_connections=2, pool_maxsize=32))
            self._sessions.setdefault(base_url, session)
        return self._sessions[base_url]


@dataclass(frozen=True)
class Gate:
    """Who lets requests through, for which site, and what they are for."""

    limiter: Limiter
    site: str
    purpose: Purpose


class Site:
    """One Jira site as one credential sees it."""

    def __init__(
        self, base_url: str, credential: AuthBase, connections: Connections, site_hosts: Sequence[str], gate: Gate
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._credential = credential
        self._session = connections.to(self.base_url)
        self._site_hosts = site_hosts
        self._gate = gate

    def get(
        self, path: str, params: Mapping[str, str | int | Sequence[str | int]] | None = None, *, is_page: bool = False
    ) -> Answer:
        """GET; parameters in the order given, lists repeated; a page is `cut`. Raises a JiraFailure."""
        return self._send("GET", path, params or {}, None, cut if is_page else parse)

    def post(self, path: str, body: Json, *, timeout: Timeouts = _TIMEOUT) -> Answer:
        """POST of JSON. Raises a JiraFailure."""
        return self._send("POST", path, {}, body, parse, timeout)

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int | Sequence[str | int]],
        body: Json,
        read: Callable[[bytearray], Json],
        timeout: Timeouts = _TIMEOUT,
    ) -> Answer:
        self._require_allowed()
        data: dict[str, Any] = {}
        if method == "POST":
            data = {"data": orjson.dumps(body), "headers": {"Content-Type": "application/json"}}
        with self._admitted(method, path, params if method == "GET" else body) as permit:
            sent_at = clock.now()
            try:
                with self._session.request(
                    method,
                    self.base_url + path + query_of(params),
                    auth=self._credential,
                    timeout=timeout[:2],
                    allow_redirects=False,
                    stream=True,
                    **data,
                ) as response:
                    body, size = _read(response, permit, timeout.body, read)
                    return Answer(body, sent_at, response.status_code, _site_time(response), size)
            except (requests.RequestException, HTTPError) as error:
                raise JiraDown(f"No answer from the site: {type(error).__name__}.") from error

    def _admitted(self, method: str, path: str, asked: Any) -> AbstractContextManager[Permit]:  # noqa: ANN401 - parameters or JSON
        """A permit for one request. Raises JiraBusy with when to come back."""
        endpoint = endpoint_of(method, path)
        size = asked.get("maxResults") if isinstance(asked, dict) else None
        points = endpoint.expected_points(min(size, _PAGE) if isinstance(size, int) else _PAGE)
        gate = self._gate
        return gate.limiter.admit(gate.site, endpoint, purpose=gate.purpose, expected_points=points)

    def _require_allowed(self) -> None:
        """Nothing leaves for an address off the list; whether the name leads to a private one, the wire finds out."""
        if not hosts.is_allowed(self.base_url, self._site_hosts):
            raise JiraRefused("The site's address is not on SITE_HOSTS.")


def _site_time(response: requests.Response) -> datetime | None:
    try:
        return parsedate_to_datetime(response.headers["Date"])
    except (KeyError, ValueError):
        return None


def query_of(params: Mapping[str, str | int | Sequence[str | int]]) -> str:
    """A query string as it is signed and sent: spaces as %20, never as a plus."""
    pairs = [
        f"{quote(name, safe='')}={quote(str(value), safe='')}"
        for name, given in params.items()
        for value in ([given] if isinstance(given, str | int) else given)
    ]
    return "?" + "&".join(pairs) if pairs else ""


def _read(
    response: requests.Response, permit: Permit, longest: float, read: Callable[[bytearray], Json]
) -> tuple[Json, int]:
    """The parsed body and its octets; the limiter learns from the answer, whatever it is. Raises a JiraFailure."""
    body = bytearray()
    deadline = clock.epoch() + longest
    end_by(response, longest)
    try:
        # read1() returns what is there: an answer that drips must meet the deadline, not fill a buffer.
        while piece := response.raw.read1(_PIECE, decode_content=True):
            body += piece
            if len(body) > _MAX_BYTES:
                raise JiraNonsense("The answer is larger than any of Jira's.")
            if clock.epoch() > deadline:
                raise JiraDown("The answer does not end.")
    finally:
        if not 200 <= response.status_code < 300:  # noqa: PLR2004 - HTTP's own classes
            # What a refusal says of limits stands in its head: it holds even where its body does not end.
            permit.settle(response.status_code, response.headers)
    failure = failure_of(response.status_code, response.headers, body[:2000].decode("utf-8", "replace"))
    if failure is not None:
        raise failure
    parsed = read(body)
    permit.settle(response.status_code, response.headers, parsed)
    return parsed, len(body)


def cut(body: bytearray) -> Json:
    """A page as `parse` reads it, but that what is in its lists stays octets, to be read by `whole` when its turn comes.

    Objects take ten times their octets: one after the other they stay where the processor has them at hand. Raises
    JiraNonsense.
    """
    try:
        return _PAGE_OF_OCTETS.decode(body)  # type: ignore[return-value]  # lists of octets are what it is for
    except msgspec.MsgspecError:
        return parse(body)


def whole(item: Json | msgspec.Raw) -> Json:
    """An object of a page that was `cut`; it may have been read already. Raises JiraNonsense."""
    return parse(memoryview(item)) if isinstance(item, msgspec.Raw) else item


def parse(body: bytes | bytearray | memoryview) -> Json:
    """JSON as Jira writes it. orjson first; the slower parser takes lone surrogates, which users do type. Raises JiraNonsense."""
    if not body:
        return None
    try:
        return orjson.loads(body)  # type: ignore[no-any-return]  # JSON by construction
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(bytes(body).decode("utf-8", "replace"))  # type: ignore[no-any-return]  # JSON by construction
    except (ValueError, RecursionError) as error:
        raise JiraNonsense("The answer is not readable JSON.") from error
