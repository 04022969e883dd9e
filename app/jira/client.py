"""The client of one Jira site: builds each address once, signs it, follows no redirect, reads JSON of limited size.

Connections are pooled per site and process; the pools share one limit (`wire.MOST_IDLE`). Proxies and certificate bundles
come from the usual environment variables
(`HTTPS_PROXY`, `NO_PROXY`, `REQUESTS_CA_BUNDLE`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

import msgspec
import orjson
import requests
from urllib3.exceptions import HTTPError

from app import clock
from app.conditions import Code
from app.errors import JiraDown, JiraNonsense, JiraRefused
from app.jira import hosts, lenient_json
from app.jira.endpoints import endpoint_of
from app.jira.failures import failure_of, silence_of
from app.jira.headers import moment_of
from app.jira.wire import MOST_IDLE, OneHop, Prompt, PublicOnly, end_by

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from requests.auth import AuthBase

    from app.catalog.json_value import Json
    from app.jira.endpoints import Endpoint
    from app.jira.limits import Limiter, Permit, Purpose


class Timeouts(NamedTuple):
    """Seconds to connect, to wait for an answer's head or the next octet of its body, and to read the whole body."""

    connect: float
    head: float
    body: float


WORKERS = Timeouts(5.0, 25.0, 60.0)
"""Longer than a chunk's lease, because the lease is renewed meanwhile (`ingest.backfill.threads`)."""
_PAGE = 100
"""Jira's own limit of objects a page, even where a request names more."""
INTERACTIVE = Timeouts(3.0, 5.0, 5.0)
"""For calls within a web request: a hanging site must not hold our threads."""
_PIECE = 1 << 18
_PAGE_OF_OCTETS = msgspec.json.Decoder(dict[str, list[msgspec.Raw] | dict[str, Any] | str | int | float | bool | None])
_MAX_BYTES = 128 * 1024 * 1024
"""More than the fields of 5,000 issues; a larger answer is not one of Jira's."""


@dataclass(frozen=True)
class Answer:
    """A successful answer: the parsed body, the time of the request, and the status."""

    body: Json
    sent_at: datetime
    status: int = 200
    site_time: datetime | None = None
    """The site's clock, to the second, if the answer names it."""
    size: int = 0
    """Octets of the body, after decompression."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)


class Connections:
    """Two `requests` sessions for all sites, with a pool of connections a site: one checks addresses, one doesn't."""

    def __init__(self, user_agent: str, site_hosts: Sequence[str]) -> None:
        self._user_agent = user_agent
        self._site_hosts = site_hosts
        self._checked, self._unchecked = self._session(PublicOnly), self._session(Prompt)

    def to(self, address: str) -> requests.Session:
        """The session for an address; hosts that a pattern names exactly, as in development, aren't checked."""
        parts = urlsplit(address)
        origin = hosts.origin_of(f"{parts.scheme}://{parts.netloc}")
        # Production refuses such patterns (`config.is_loose`).
        is_named = origin is not None and hosts.is_private_ok(origin.host, self._site_hosts)
        return self._unchecked if is_named else self._checked

    def _session(self, adapter: type[Prompt]) -> requests.Session:
        session = OneHop()
        session.headers.update({"User-Agent": self._user_agent, "Accept": "application/json"})
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("https://", "http://"):
            # More pools than idle connections would be empty ones. A pool that must go ends with its last request.
            session.mount(scheme, adapter(pool_connections=MOST_IDLE, pool_maxsize=32))
        return session


@dataclass(frozen=True)
class Gate:
    """The limiter for a site's requests, their purpose, whether they cost points, and our patience."""

    limiter: Limiter
    site: str
    purpose: Purpose
    is_metered: bool = True
    timeouts: Timeouts = WORKERS


class Site:
    """One Jira site, as seen with one credential.

    Requests go to `root`: the site's own address, or Atlassian's gateway with the site's cloud id for tokens that work
    there only.
    """

    def __init__(
        self,
        base_url: str,
        credential: AuthBase,
        connections: Connections,
        site_hosts: Sequence[str],
        gate: Gate,
        *,
        root: str | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._root = root or self.base_url
        self._credential = credential
        self._session = connections.to(self._root)
        self._site_hosts = site_hosts
        self._gate = gate

    def get(
        self, path: str, params: Mapping[str, str | int | Sequence[str | int]] | None = None, *, is_page: bool = False
    ) -> Answer:
        """Send a GET; parameters keep their order, lists repeat; a page is `cut`. Raises a JiraFailure."""
        return self._send("GET", path, params or {}, None, cut if is_page else parse)

    def post(self, path: str, body: Json, *, timeout: Timeouts | None = None, is_page: bool = False) -> Answer:
        """Send a POST with JSON; a page is `cut`. Raises a JiraFailure."""
        return self._send("POST", path, {}, body, cut if is_page else parse, timeout)

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int | Sequence[str | int]],
        body: Json,
        parser: Callable[[bytearray], Json],
        timeouts: Timeouts | None = None,
    ) -> Answer:
        self._require_allowed()
        timeouts = timeouts or self._gate.timeouts
        data: dict[str, Any] = {}
        if method == "POST":
            data = {"data": orjson.dumps(body), "headers": {"Content-Type": "application/json"}}
        endpoint = endpoint_of(method, path)
        with self._admit(endpoint, params if method == "GET" else body) as permit:
            sent_at = clock.now()
            try:
                with self._session.request(
                    method,
                    self._root + path + query_of(params),
                    auth=self._credential,
                    timeout=timeouts[:2],
                    allow_redirects=False,
                    stream=True,
                    **data,
                ) as response:
                    body, size = _read(response, permit, str(endpoint), timeouts.body, parser)
                    return Answer(
                        body, sent_at, response.status_code, moment_of(response.headers), size, response.headers
                    )
            except (requests.RequestException, HTTPError) as error:
                raise silence_of(error) from error

    def _admit(self, endpoint: Endpoint, payload: Any) -> AbstractContextManager[Permit]:  # noqa: ANN401 - parameters or JSON
        """A permit for one request. Raises JiraBusy with the time to come back."""
        size = payload.get("maxResults") if isinstance(payload, dict) else None
        points = endpoint.expected_points(min(size, _PAGE) if isinstance(size, int) else _PAGE)
        gate = self._gate
        return gate.limiter.admit(
            gate.site, endpoint, purpose=gate.purpose, expected_points=points, is_metered=gate.is_metered
        )

    def _require_allowed(self) -> None:
        """Refuse addresses off the list; the connection itself rejects names of private addresses (`wire`)."""
        if not hosts.is_allowed(self.base_url, self._site_hosts):
            raise JiraRefused(Code.ADDRESS_NOT_LISTED)


def query_of(params: Mapping[str, str | int | Sequence[str | int]]) -> str:
    """The query string, for the signature and the request alike: spaces as %20, never as a plus."""
    pairs = [
        f"{quote(name, safe='')}={quote(str(value), safe='')}"
        for name, argument in params.items()
        for value in ([argument] if isinstance(argument, str | int) else argument)
    ]
    return "?" + "&".join(pairs) if pairs else ""


def _read(
    response: requests.Response, permit: Permit, endpoint: str, max_seconds: float, parser: Callable[[bytearray], Json]
) -> tuple[Json, int]:
    """The parsed body and its size in octets; every answer settles the permit. Raises a JiraFailure."""
    body = bytearray()
    deadline = clock.epoch() + max_seconds
    end_by(response, max_seconds)
    try:
        # read1() does not wait for a full buffer: an answer that drips must meet the deadline.
        while piece := response.raw.read1(_PIECE, decode_content=True):
            body += piece
            if len(body) > _MAX_BYTES:
                raise JiraNonsense(Code.ANSWER_TOO_LARGE)
            if clock.epoch() > deadline:
                raise JiraDown(Code.ANSWER_ENDLESS)
    finally:
        if not 200 <= response.status_code < 300:  # noqa: PLR2004 - HTTP's own classes
            # A refusal names its limits in the head, which is valid even if the body does not end.
            permit.settle(response.status_code, response.headers)
    text = body[:2000].decode("utf-8", "replace")
    failure = failure_of(response.status_code, response.headers, text, endpoint)
    if failure is not None:
        raise failure
    document = parser(body)
    permit.settle(response.status_code, response.headers, document)
    return document, len(body)


def cut(body: bytearray) -> Json:
    """Parse a page but not the members of its lists; these stay octets until `whole` parses them one by one.

    Parsed objects take ten times the memory of their octets; one at a time, they stay in the processor's cache. Raises
    JiraNonsense.
    """
    try:
        return _PAGE_OF_OCTETS.decode(body)  # type: ignore[return-value]  # lists of octets in place of JSON
    except (msgspec.MsgspecError, RecursionError):
        return parse(body)


def whole(item: Json | msgspec.Raw) -> Json:
    """An object of a `cut` page, parsed if necessary. Raises JiraNonsense."""
    return parse(memoryview(item)) if isinstance(item, msgspec.Raw) else item


def parse(body: bytes | bytearray | memoryview) -> Json:
    """Parse Jira's JSON: orjson first; the slower parser accepts odd values. Raises JiraNonsense."""
    if not body:
        return None
    try:
        return orjson.loads(body)  # type: ignore[no-any-return]  # JSON by construction
    except orjson.JSONDecodeError:
        pass
    try:
        return lenient_json.loads(bytes(body))
    except (ValueError, RecursionError) as error:
        raise JiraNonsense(Code.ANSWER_NOT_JSON) from error
