"""Addresses as people paste them, and as attackers write them."""

from __future__ import annotations

import pytest

from app.conditions import Code
from app.doors.direct import address_of
from app.errors import Malformed

HOSTS = ("*.atlassian.net", "*.jira.com")
ACME = "https://acme.atlassian.net"


@pytest.mark.parametrize(
    "text",
    [
        ACME,
        "https://acme.atlassian.net/",
        "  https://ACME.atlassian.net  ",
        "acme.atlassian.net",
        "http://acme.atlassian.net",
        "https://acme.atlassian.net:443",
        "https://acme.atlassian.net/jira/software/projects/WEB/boards/1?assignee=x#top",
        "acme.atlassian.net/browse/WEB-1",
    ],
)
def test_a_pasted_address_becomes_the_sites_own(text: str) -> None:
    assert address_of(text, HOSTS) == ACME


@pytest.mark.parametrize(
    "text",
    [
        "https://jira.acme.com",
        "https://atlassian.net",
        "https://acme.atlassian.net.evil.example",
        "https://evil-atlassian.net",
        "https://a.b.atlassian.net",
        "https://acme.atlassian.net.",
        "https://127.0.0.1",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://acme.atlassian.net:8443",
        "localhost",
    ],
)
def test_another_host_is_not_listed(text: str) -> None:
    with pytest.raises(Malformed) as refusal:
        address_of(text, HOSTS)
    assert refusal.value.condition.code is Code.SITE_NOT_LISTED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://",
        "our jira",
        "ftp://acme.atlassian.net",
        "javascript://acme.atlassian.net",
        "https://acme.atlassian.net@evil.example",
        "https://acme.atlassian.net\\@evil.example",
        "https://evil.example\\.atlassian.net",
        "https://acme.atlas\nsian.net",
        "https://acme.atlassian.net\t.evil.example",
        "https://аcme.atlassian.net",
        "https://acme%2eatlassian.net",
        "https://acme.atlassian.net:port",
        "https://[acme.atlassian.net",
        "https://" + "a" * 300 + ".atlassian.net",
    ],
)
def test_other_text_is_no_address(text: str) -> None:
    with pytest.raises(Malformed) as refusal:
        address_of(text, HOSTS)
    assert refusal.value.condition.code is Code.BAD_SITE_ADDRESS


def test_development_may_name_http_and_a_port() -> None:
    assert address_of("http://127.0.0.1:8099/jira", ("http://127.0.0.1:*",)) == "http://127.0.0.1:8099"
