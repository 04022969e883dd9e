"""Outgoing tokens: issued by the app, short-lived, and valid for the exact address on the wire."""

from __future__ import annotations

import time

import jwt
import pytest
import requests

from app.jira.client import query_of
from app.jira.credentials.connect_jwt import ConnectJwt
from tests.fakes.atlassian import computed_hash

BASE = "https://acme.atlassian.net"
SECRET = "s" * 48


@pytest.fixture
def credential() -> ConnectJwt:
    return ConnectJwt(app_key="io.app", client_key="acme", shared_secret=SECRET, base_url=BASE)


def sign(credential: ConnectJwt, url: str, method: str = "GET") -> requests.PreparedRequest:
    """A signed request, as sent on the wire."""
    return requests.Request(method, url, auth=credential).prepare()


def claims(request: requests.PreparedRequest) -> dict[str, object]:
    scheme, _, token = request.headers["Authorization"].partition(" ")
    assert scheme == "JWT"
    payload: dict[str, object] = jwt.decode(token, SECRET, algorithms=["HS256"], audience="acme")
    return payload


def test_the_issuer_is_the_app_and_not_the_site(credential: ConnectJwt) -> None:
    payload = claims(sign(credential, f"{BASE}/rest/api/3/myself"))
    assert (payload["iss"], payload["aud"]) == ("io.app", "acme")
    assert "sub" not in payload


def test_a_token_lives_three_minutes_at_most(credential: ConnectJwt) -> None:
    payload = claims(sign(credential, f"{BASE}/rest/api/3/myself"))
    assert 0 < int(str(payload["exp"])) - int(str(payload["iat"])) <= 180
    assert abs(int(str(payload["iat"])) - time.time()) < 30


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "target",
    [
        "/rest/api/3/myself",
        "/rest/api/3/search/jql" + query_of({"jql": "project = 'A&B' AND x ~ \"ü*\"", "maxResults": 100}),
        "/rest/api/3/issue/10001/comment" + query_of({"startAt": 0, "orderBy": "+created"}),
        "/rest/agile/1.0/board/7/issue" + query_of({"nextPageToken": "Ch0jU3RyaW5nJlU0VSPSVJbnQm=="}),
        "/rest/api/3/user/email" + query_of({"accountId": "557058:f58131cb-b67d-43c7-b30d-6b58d40bd077"}),
        "/rest/api/3/x" + query_of({"empty": ""}),
    ],
)
def test_the_hash_is_of_the_address_on_the_wire(credential: ConnectJwt, method: str, target: str) -> None:
    request = sign(credential, BASE + target, method)
    assert request.path_url == target, "requests sent another spelling"
    assert claims(request)["qsh"] == computed_hash(method, request.path_url)


def test_the_hash_is_relative_to_the_sites_own_path() -> None:
    credential = ConnectJwt(app_key="io.app", client_key="acme", shared_secret=SECRET, base_url=f"{BASE}/jira")
    assert claims(sign(credential, f"{BASE}/jira/rest/x?a=1"))["qsh"] == computed_hash("GET", "/rest/x?a=1")


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.com/rest/api/3/myself",
        "http://acme.atlassian.net/rest/api/3/myself",
        "https://acme.atlassian.net:8443/rest/api/3/myself",
        "https://acme.atlassian.net.evil.com/",
        "https://rival.atlassian.net/rest/api/3/myself",
        "https://user@acme.atlassian.net/rest/api/3/myself",
    ],
)
def test_nothing_is_signed_for_another_origin(credential: ConnectJwt, url: str) -> None:
    with pytest.raises(requests.exceptions.InvalidURL):
        sign(credential, url)


def test_printing_a_credential_shows_no_secret(credential: ConnectJwt) -> None:
    assert SECRET not in repr(credential) + str(credential)
    assert "acme" in repr(credential)
