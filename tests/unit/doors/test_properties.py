"""Properties for every input: hashes agree with other implementations, and a bad token raises `Unproven` only."""

from __future__ import annotations

import base64
import string
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from atlassian_jwt.url_utils import hash_url
from hypothesis import assume, given
from hypothesis import strategies as st

from app.doors import tokens
from app.doors.connect import ConnectDoor, ConnectRequest
from app.doors.install_keys import InstallKeys
from app.doors.query_hash import CONTEXT, hashes
from app.errors import Unproven
from app.ids import new
from app.tenants.keyring import Secrets
from app.tenants.model import State, Tenant
from sandbox.connect.query_hash import accepted_hashes
from tests.conftest import a_settings
from tests.fakes.atlassian import raw_token

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "s" * 48
BASE_PATH = "/base"
_METHODS = st.sampled_from(["GET", "POST", "put", "DELETE"])
_PLAIN_CHARACTERS = string.ascii_letters + string.digits + "-._~"
_SEGMENTS = st.lists(st.text(_PLAIN_CHARACTERS + "&!$'()*+,=@", min_size=1, max_size=6), max_size=4)
_WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
_NAMES = st.one_of(st.sampled_from(["a", "a:", "a0", "jwt", "JWT", "x[]", "__proto__"]), _WORDS.filter(bool))
_SAFE = st.sampled_from(["", "/", "~", "-._~", "!'()*,"])
_PARAMETERS = st.lists(st.tuples(_NAMES, _WORDS), max_size=6)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


# The hash


@given(_METHODS, _SEGMENTS, _PARAMETERS, _SAFE, st.booleans())
def test_atlassians_package_agrees_where_it_is_right(
    method: str, segments: list[str], parameters: list[tuple[str, str]], safe: str, is_slashed: bool
) -> None:
    """The library is right about one slash at either end, any spelling of a query, and repeated values.

    Left out: consecutive slashes, which it collapses, a base path, which it keeps, and `:` and `;` in a
    path, which it reads as a scheme and as parameters.
    """
    path = "/" + "/".join(segments) + ("/" if is_slashed and segments else "")
    query = "&".join(f"{quote(name, safe=safe)}={quote(value, safe=safe)}" for name, value in parameters)
    assert hash_url(method, f"{path}?{query}") in hashes(method, f"{path}?{query}")


@given(_METHODS, st.text(string.printable.strip() + " é\u20ac", max_size=60), st.sampled_from(["", BASE_PATH]))
def test_the_sandbox_reads_the_specification_alike(method: str, target: str, base_path: str) -> None:
    """Two independent implementations agree on any request line."""
    path, _, query = target.partition("?")
    assert hashes(method, target, base_path) == accepted_hashes(method, path, query, base_path)


@given(_METHODS, _SEGMENTS, _PARAMETERS)
def test_below_a_base_path_the_hash_is_the_same(
    method: str, segments: list[str], parameters: list[tuple[str, str]]
) -> None:
    assume(segments[:1] != ["base"])
    query = "&".join(f"{quote(name)}={quote(value)}" for name, value in parameters)
    path = "/" + "/".join(segments)
    assert hashes(method, f"{BASE_PATH}{path}?{query}", BASE_PATH) == hashes(method, f"{path}?{query}", BASE_PATH)


# Reading tokens


def _unproven_or(act: Callable[[], Any]) -> Any:
    """The result of a call, or None if it raised `Unproven`."""
    try:
        return act()
    except Unproven:
        return None


def _read(raw: str, algorithm: str = "HS256") -> Any:
    return _unproven_or(lambda: tokens.read(raw, algorithm=algorithm, longest_life=3600))


@given(st.text(max_size=200), st.sampled_from(["HS256", "RS256"]))
def test_no_text_is_read_as_a_token(raw: str, algorithm: str) -> None:
    assert _read(raw, algorithm) is None


@given(st.lists(st.binary(max_size=80), min_size=3, max_size=3))
def test_no_bytes_are_read_as_a_token(segments: list[bytes]) -> None:
    raw = ".".join(base64.urlsafe_b64encode(segment).rstrip(b"=").decode() for segment in segments)
    assert _read(raw) is None


@given(st.binary(max_size=200))
def test_no_octets_of_a_header_are_read_as_a_token(octets: bytes) -> None:
    """Targets in the spelling of WSGI."""
    assert _read(octets.decode("latin-1")) is None


@given(_JSON, _JSON)
def test_no_json_is_read_as_a_token_by_accident(header: Any, payload: Any) -> None:
    assert _read(raw_token(_as_part(header), _as_part(payload), SECRET)) is None


def _as_part(value: Any) -> Any:
    return value if isinstance(value, dict | list) else "null" if value is None else str(value)


_CLAIMS = ("iss", "sub", "iat", "exp", "qsh", "aud", "nbf", "jti", "context")


@given(st.dictionaries(st.sampled_from(_CLAIMS), _JSON, max_size=4), st.sets(st.sampled_from(_CLAIMS), max_size=2))
def test_whatever_is_believed_has_the_types_it_says(odd: dict[str, Any], left_out: set[str]) -> None:
    now = int(time.time())
    plain = {"iss": "client-1", "iat": now, "exp": now + 180, "qsh": "f" * 64, "sub": "user-1"}
    payload = {name: value for name, value in {**plain, **odd}.items() if name not in left_out}
    raw = raw_token({"alg": "HS256", "typ": "JWT"}, payload, SECRET)
    token = _unproven_or(lambda: tokens.verify(tokens.read(raw, algorithm="HS256", longest_life=3600), SECRET))
    if token is None:
        return
    assert isinstance(token.issuer, str)
    assert 0 < len(token.issuer) <= 255
    assert token.issuer == payload["iss"]
    assert token.subject == payload.get("sub")
    assert token.subject is None or (isinstance(token.subject, str) and token.subject)
    assert type(token.issued_at) is int
    assert type(token.expires_at) is int
    assert now - 3600 - 60 < token.issued_at < token.expires_at <= token.issued_at + 3600
    assert isinstance(token.query_hash, str)
    assert all(isinstance(audience, str) for audience in token.audience)


@given(st.integers(0, 400), st.sampled_from(string.ascii_letters + string.digits + "-_=.+/ \n\u00e9"))
def test_a_token_with_one_sign_changed_is_no_token(at: int, sign: str) -> None:
    raw = _good()
    at %= len(raw)
    assume(raw[at] != sign)
    altered_token = raw[:at] + sign + raw[at + 1 :]
    assert (
        _unproven_or(lambda: tokens.verify(tokens.read(altered_token, algorithm="HS256", longest_life=3600), SECRET))
        is None
    )


@given(st.integers(0, 400), st.integers(0, 400))
def test_a_piece_of_a_token_is_no_token(start: int, end: int) -> None:
    raw = _good()
    assume((start, end) != (0, len(raw)))
    piece = raw[start:end]
    assume(piece != raw)
    assert _unproven_or(lambda: tokens.verify(tokens.read(piece, algorithm="HS256", longest_life=3600), SECRET)) is None


def _good(**claims: object) -> str:
    now = int(time.time())
    payload = {"iss": "client-1", "iat": now, "exp": now + 180, "qsh": CONTEXT, "sub": "user-1", **claims}
    return raw_token({"alg": "HS256", "typ": "JWT"}, payload, SECRET)


# Doors


class _OneSite:
    """A keyring with one site."""

    tenant = Tenant(new(), "jira_cloud", "https://acme.atlassian.net", None, State.ACTIVE, "client-1")

    def find(self, client_key: str) -> tuple[Tenant, Secrets] | None:
        return (self.tenant, Secrets(SECRET, None)) if client_key == "client-1" else None


def _no_host(*_: object, **__: object) -> Any:
    raise AssertionError("no token here is good enough to have a key fetched for it")


DOOR = ConnectDoor(a_settings(base_url=f"https://app.test{BASE_PATH}"), _OneSite(), InstallKeys(["x"], get=_no_host))  # type: ignore[arg-type]  # a keyring that finds
_HEADERS = st.one_of(
    st.text(max_size=60),
    st.binary(max_size=60).map(lambda octets: f"JWT {octets.decode('latin-1')}"),
    st.builds(lambda text: f"JWT {text}", st.text(max_size=60)),
)


@pytest.mark.parametrize("name", ["lifecycle", "server", "page", "context"])
@given(
    method=st.text(max_size=8) | st.just("GET"),
    target=st.text(max_size=60),
    headers=st.lists(_HEADERS, max_size=2),
    in_query=st.lists(st.text(max_size=60), max_size=2),
)
def test_no_knock_makes_a_door_raise_or_open(
    name: str, method: str, target: str, headers: list[str], in_query: list[str]
) -> None:
    connect_request = ConnectRequest(method, target, tuple(headers), tuple(in_query))
    assert _unproven_or(lambda: getattr(DOOR, name)(connect_request)) is None


@pytest.mark.parametrize("name", ["lifecycle", "server", "page"])
@given(
    method=st.sampled_from(["GET", "POST"]),
    target=st.sampled_from(["/base/jira/configuration", "/base/connect/enabled", "/base/connect/installed"]),
    carrier=st.sampled_from(["header", "query", "both"]),
)
def test_a_context_token_opens_no_other_door(name: str, method: str, target: str, carrier: str) -> None:
    token = _good()
    connect_request = ConnectRequest(
        method,
        target if carrier == "header" else f"{target}?jwt={token}",
        (f"JWT {token}",) if carrier != "query" else (),
        (token,) if carrier != "header" else (),
    )
    assert _unproven_or(lambda: getattr(DOOR, name)(connect_request)) is None


def test_the_context_door_does_open() -> None:
    """Counter-check of the tests above: the same token at its own door."""
    assert DOOR.context(ConnectRequest("POST", "/base/jira/pairing", (f"JWT {_good()}",), ())).account_id == "user-1"
