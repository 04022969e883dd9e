"""An API token goes to its own site and nowhere else."""

from __future__ import annotations

import base64

import pytest
import requests

from app.jira.credentials.token_auth import TokenAuth

SITE = "https://acme.atlassian.net"
GATEWAY = "https://api.atlassian.com/ex/jira/0b3e1f1a-0000-4000-8000-000000000001"


def sign(root: str, url: str) -> requests.PreparedRequest:
    """A signed request, as sent on the wire."""
    return requests.Request("GET", url, auth=TokenAuth(email="ann@acme.example", token="s3cret:x", root=root)).prepare()


@pytest.mark.parametrize("root", [SITE, GATEWAY])
def test_the_scheme_is_basic(root: str) -> None:
    scheme, _, pair = sign(root, f"{root}/rest/api/3/myself").headers["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(pair)) == ("Basic", b"ann@acme.example:s3cret:x")


@pytest.mark.parametrize(
    ("root", "url"),
    [
        (SITE, "https://evil.example/rest/api/3/myself"),
        (SITE, "http://acme.atlassian.net/rest/api/3/myself"),
        (SITE, "https://acme.atlassian.net:8443/rest/api/3/myself"),
        (SITE, "https://acme.atlassian.net.evil.example/rest/api/3/myself"),
        (GATEWAY, f"{SITE}/rest/api/3/myself"),
        (GATEWAY, f"{GATEWAY}0/rest/api/3/myself"),
        (GATEWAY, "https://api.atlassian.com/ex/jira/another/rest/api/3/myself"),
        (GATEWAY, "https://api.atlassian.com/rest/api/3/myself"),
    ],
)
def test_no_other_address_gets_it(root: str, url: str) -> None:
    with pytest.raises(requests.exceptions.InvalidURL) as refusal:
        sign(root, url)
    assert "s3cret" not in str(refusal.value)


def test_nothing_prints_it() -> None:
    credential = TokenAuth(email="ann@acme.example", token="s3cret", root=SITE)
    assert "s3cret" not in f"{credential!r} {credential}"
    assert "ann" not in f"{credential!r} {credential}"
