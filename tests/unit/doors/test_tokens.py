"""Tokens are parsed strictly and accepted only with the algorithm and key of their route."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jwt import api_jwt

from app import clock
from app.doors import tokens
from app.errors import Unproven
from tests.fakes.atlassian import raw_token

if TYPE_CHECKING:
    from datetime import tzinfo

    from tests.fakes.atlassian import Atlassian, Share

SECRET = "s" * 48
HS = {"alg": "HS256", "typ": "JWT"}
NOW = 1_795_500_000
"""The current time of these tests, independent of the suite's duration."""


@pytest.fixture(autouse=True)
def _it_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime.fromtimestamp(NOW, UTC)

    class Still(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return moment.astimezone(tz)

    monkeypatch.setattr(clock, "now", lambda: moment)
    monkeypatch.setattr(api_jwt, "datetime", Still)


def claims(**override: object) -> dict[str, Any]:
    """A valid payload; None removes a claim."""
    values = {"iss": "client-1", "iat": NOW, "exp": NOW + 180, "qsh": "f" * 64, "sub": "user-1", **override}
    return {name: value for name, value in values.items() if value is not None}


def text_of(claim: str, value: str) -> str:
    """A payload as JSON text, with the literal value of one claim: NaN and the like."""
    return json.dumps(claims(**{claim: "@"})).replace('"@"', value)


def read(header: Share = HS, payload: Share | None = None, key: Any = SECRET, algorithm: str = "HS256") -> Any:
    raw = raw_token(header, claims() if payload is None else payload, key)
    return tokens.read(raw, algorithm=algorithm, longest_life=3600)


def accept(payload: Share | None = None) -> Any:
    """Parse and verify, as a door does."""
    return tokens.verify(read(payload=payload), SECRET)


def test_a_good_token_says_who_and_when() -> None:
    token = accept(claims(aud="https://app.test"))
    assert (token.issuer, token.subject, token.query_hash) == ("client-1", "user-1", "f" * 64)
    assert (token.issued_at, token.expires_at, token.audience) == (NOW, NOW + 180, ("https://app.test",))


def test_a_token_without_a_person_is_good() -> None:
    assert accept(claims(sub=None)).subject is None


@pytest.mark.parametrize(
    ("audience", "read_as"),
    [
        ("https://app.test", ("https://app.test",)),
        (["https://app.test", "https://eu.app.test"], ("https://app.test", "https://eu.app.test")),
        (["https://app.test", 7, None, ["x"]], ("https://app.test",)),
        (7, ()),
        ({"https://app.test": 1}, ()),
        (None, ()),
    ],
)
def test_audience_is_text_or_a_list_of_texts(audience: object, read_as: tuple[str, ...]) -> None:
    assert accept(claims(aud=audience)).audience == read_as


HEADERS: dict[str, Share] = {
    "alg none": {"alg": "none"},
    "alg None": {"alg": "None"},
    "alg nOnE": {"alg": "nOnE"},
    "alg missing": {"typ": "JWT"},
    "alg in lower case": {"alg": "hs256"},
    "alg a list": {"alg": ["HS256"]},
    "alg null": {"alg": None},
    "HS384": {"alg": "HS384"},
    "HS512": {"alg": "HS512"},
    "RS256": {"alg": "RS256"},
    "kid on a shared secret": {**HS, "kid": "00000000-0000-4000-8000-000000000000"},
    "kid a number": {**HS, "kid": 1},
    "crit": {**HS, "crit": ["exp"]},
    "b64": {**HS, "b64": False},
    "jku": {**HS, "jku": "https://evil.test/keys"},
    "jwk": {**HS, "jwk": {"kty": "oct", "k": "eA"}},
    "x5u": {**HS, "x5u": "https://evil.test/cert"},
    "x5c": {**HS, "x5c": ["MII"]},
    "a list": [HS],
    "a text": '"HS256"',
    "null": "null",
    "two algs": '{"alg":"none","alg":"HS256"}',
    "not JSON": "{alg: HS256}",
    "not base64": b"!!!!",
    "empty": b"",
    "no UTF-8": b"gICA",
    "an infinite number": '{"alg":"HS256","n":Infinity}',
    "deeper than Python recurses": '{"alg":"HS256","n":' + "[" * 2500 + "]" * 2500 + "}",
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_every_other_header_is_refused(header: Share) -> None:
    with pytest.raises(Unproven):
        read(header)


PAYLOADS: dict[str, Share] = {
    "no iss": claims(iss=None),
    "iss a list": claims(iss=["client-1"]),
    "iss an object": claims(iss={"client-1": 1}),
    "iss a number": claims(iss=7),
    "iss empty": claims(iss=""),
    "iss of 256 signs": claims(iss="x" * 256),
    "iss with a null sign": claims(iss="client-1\x00"),
    "no qsh": claims(qsh=None),
    "qsh a list": claims(qsh=["context-qsh"]),
    "qsh null": text_of("qsh", "null"),
    "sub a number": claims(sub=7),
    "sub empty": claims(sub=""),
    "sub a list": claims(sub=["user-1"]),
    "sub with a null sign": claims(sub="user\x00"),
    "no exp": claims(exp=None),
    "exp a text": claims(exp=str(NOW + 180)),
    "exp true": claims(exp=True),
    "exp with a fraction": claims(exp=NOW + 180.5),
    "exp with a point": text_of("exp", f"{NOW + 180}.0"),
    "exp 10^30": claims(exp=10**30),
    "exp 1e30": text_of("exp", "1e30"),
    "exp beyond any float": text_of("exp", "1e999"),
    "exp NaN": text_of("exp", "NaN"),
    "exp Infinity": text_of("exp", "Infinity"),
    "exp of 5000 digits": text_of("exp", "9" * 5000),
    "exp before iat": claims(exp=NOW - 1),
    "exp equal to iat": claims(exp=NOW),
    "exp later than the route allows": claims(exp=NOW + 3601),
    "no iat": claims(iat=None),
    "iat a text": claims(iat=str(NOW)),
    "iat with a point": text_of("iat", f"{NOW}.0"),
    "iat with an exponent": text_of("iat", f"{NOW // 10}e1"),
    "iat negative": claims(iat=-1, exp=1),
    "iat zero": claims(iat=0, exp=1),
    "iat true": claims(iat=True, exp=2),
    "iat ten minutes ahead": claims(iat=NOW + 600, exp=NOW + 700),
    "a list": [claims()],
    "a text": '"client-1"',
    "null": "null",
    "iss twice": json.dumps(claims()).replace("{", '{"iss":"client-2",', 1),
    "not JSON": json.dumps(claims())[:-1],
    "not base64": b"####",
    "empty": b"",
}


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_every_other_payload_is_refused_before_the_signature_is_looked_at(payload: Share) -> None:
    with pytest.raises(Unproven):
        read(payload=payload)


SHAPES = {
    "empty": "",
    "one segment": "abc",
    "two segments": "e30.e30",
    "four segments": "e30.e30.e30.e30",
    "three empty segments": "..",
    "3 MB": "e30." + "x" * 3_000_000 + ".x",
    "beyond ASCII": "e30.e30.é",
    "blank inside": f"{raw_token(HS, claims(), SECRET)[:40]} {raw_token(HS, claims(), SECRET)[40:]}",
    "a byte over the limit": raw_token(HS, claims(pad="x" * 8192), SECRET),
}


@pytest.mark.parametrize("raw", SHAPES.values(), ids=SHAPES)
def test_what_is_no_token_is_refused(raw: str) -> None:
    with pytest.raises(Unproven):
        tokens.read(raw, algorithm="HS256", longest_life=3600)


@given(
    st.text(max_size=60) | st.text("abAB01-_.=", max_size=60) | st.binary(max_size=60).map(lambda raw: f"e30.{raw}.")
)
def test_no_text_makes_reading_raise_anything_else(raw: str) -> None:
    with pytest.raises(Unproven):
        tokens.read(raw, algorithm="HS256", longest_life=3600)


@pytest.mark.parametrize(("ago", "is_good"), [(20, True), (40, False)])
def test_expiry_is_forgiven_for_half_a_minute(ago: int, is_good: bool) -> None:
    payload = claims(iat=NOW - 180, exp=NOW - ago)
    if is_good:
        assert accept(payload).expires_at == NOW - ago
    else:
        with pytest.raises(Unproven):
            accept(payload)


@pytest.mark.parametrize(("ahead", "is_good"), [(25, True), (50, False)])
def test_a_clock_ahead_is_forgiven_for_half_a_minute(ahead: int, is_good: bool) -> None:
    payload = claims(iat=NOW + ahead, exp=NOW + ahead + 180)
    if is_good:
        assert accept(payload).issued_at == NOW + ahead
    else:
        with pytest.raises(Unproven):
            accept(payload)


def test_lifetime_is_bounded_by_the_route() -> None:
    raw = raw_token(HS, claims(exp=NOW + 901), SECRET)
    assert tokens.read(raw, algorithm="HS256", longest_life=901).claims.expires_at == NOW + 901
    with pytest.raises(Unproven):
        tokens.read(raw, algorithm="HS256", longest_life=900)


@pytest.mark.parametrize("key", [None, "t" * 48, b"", SECRET[:-1]], ids=["unsigned", "another", "empty", "cut"])
def test_another_signature_is_refused(key: Any) -> None:
    with pytest.raises(Unproven):
        tokens.verify(read(key=key), SECRET)


@pytest.mark.parametrize("segment", [0, 1, 2])
def test_a_changed_byte_is_refused(segment: int) -> None:
    raw = raw_token(HS, claims(), SECRET)
    parts = raw.split(".")
    other_parts = raw_token({**HS, "x": 1}, claims(iss="client-2"), "t" * 48).split(".")
    parts[segment] = other_parts[segment]
    token = tokens.read(".".join(parts), algorithm="HS256", longest_life=3600)
    with pytest.raises(Unproven):
        tokens.verify(token, SECRET)


def test_an_asymmetric_token_is_good_under_its_key_only(atlassian: Atlassian) -> None:
    header = {"alg": "RS256", "kid": atlassian.kid}
    token = read(header, key=atlassian.private_key, algorithm="RS256")
    assert token.key_id == atlassian.kid
    assert tokens.verify(token, atlassian.private_key.public_key()).issuer == "client-1"
    forgery = read(header, key=SECRET, algorithm="RS256")
    with pytest.raises(Unproven):
        tokens.verify(forgery, atlassian.private_key.public_key())


def test_a_public_key_is_no_shared_secret(atlassian: Atlassian) -> None:
    """Key confusion: an HS256 token with the public RSA key as its secret."""
    with pytest.raises(Unproven):
        read({"alg": "HS256", "kid": atlassian.kid}, key=atlassian.pem, algorithm="RS256")


@pytest.mark.parametrize("secret", ["", "-----BEGIN PUBLIC KEY-----\nMII\n-----END PUBLIC KEY-----"])
def test_a_secret_that_is_none_verifies_nothing(secret: str) -> None:
    token = read(key=secret.encode())
    with pytest.raises(Unproven):
        tokens.verify(token, secret)


def test_the_caller_is_told_the_same_for_every_reason() -> None:
    with pytest.raises(Unproven) as first:
        read({"alg": "none"})
    with pytest.raises(Unproven) as second:
        read(payload=claims(iss=None))
    assert str(first.value) == str(second.value)
    assert first.value.reason != second.value.reason
