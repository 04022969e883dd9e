"""Permitted addresses of a site (attack case 18)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config import is_loose
from app.jira.hosts import is_allowed, is_private_ok, origin_of

CLOUD = ("*.atlassian.net", "*.jira.com")
LAPTOP = ("http://127.0.0.1:*", "http://[::1]:8099", "http://localhost:2990")


@pytest.mark.parametrize(
    ("url", "known_as"),
    [
        ("https://acme.atlassian.net", "https://acme.atlassian.net"),
        ("https://acme.atlassian.net/", "https://acme.atlassian.net"),
        ("https://ACME.Atlassian.NET", "https://acme.atlassian.net"),
        ("HTTPS://acme.atlassian.net", "https://acme.atlassian.net"),
        ("https://a-b-1.jira.com", "https://a-b-1.jira.com"),
    ],
)
def test_a_cloud_site_is_allowed_and_has_one_spelling(url: str, known_as: str) -> None:
    assert is_allowed(url, CLOUD)
    assert str(origin_of(url)) == known_as


@pytest.mark.parametrize(
    "url",
    [
        "",
        "acme.atlassian.net",
        "//acme.atlassian.net",
        "http://acme.atlassian.net",
        "ftp://acme.atlassian.net",
        "javascript://acme.atlassian.net",
        "https://evil.com",
        "https://atlassian.net",
        "https://.atlassian.net",
        "https://-.atlassian.net",
        "https://a.b.atlassian.net",
        "https://acme.atlassian.net.evil.com",
        "https://evil.com/.atlassian.net",
        "https://acmeatlassian.net",
        "https://acme.atlassian.net.",
        "https://acme.jira-dev.com",
        "https://acme.atlassian.net@evil.com",
        "https://acme.atlassian.net:pass@evil.com",
        "https://evil.com\\@acme.atlassian.net",
        "https://evil.com#acme.atlassian.net",
        "https://evil.com?acme.atlassian.net",
        "https://evil.com%2eatlassian.net",
        "https://acme.atlassian.net:8443",
        "https://acme.atlassian.net:443",
        "https://acme.atlassian.net:443:443",
        "https://acme.atlassian.net:x",
        "https://acme.atlassian.net:99999",
        "https://acme.atlassian.net/path",
        "https://acme.atlassian.net//",
        "https://acme.atlassian.net?x=1",
        "https://acme.atlassian.net#x",
        " https://acme.atlassian.net",
        "https://acme.atlassian.net ",
        "https://acme.atlassian.net\r\nHost: evil.com",
        "https://acme\n.atlassian.net",
        "https://аcme.atlassian.net",
        "https://acme.atlassian。net",
        "https://a_b.atlassian.net",
        "https://*.atlassian.net",
        "https://127.0.0.1",
        "https://[::1]",
        "https://[",
        "https://acme[.atlassian.net",
        f"https://{'a' * 260}.atlassian.net",
    ],
)
def test_everything_else_is_refused(url: str) -> None:
    assert not is_allowed(url, CLOUD)


@pytest.mark.parametrize(
    ("url", "pattern", "fits"),
    [
        ("http://127.0.0.1:8099", "http://127.0.0.1:*", True),
        ("http://127.0.0.1", "http://127.0.0.1:*", True),
        ("https://127.0.0.1:8099", "http://127.0.0.1:*", False),
        ("http://127.0.0.2:8099", "http://127.0.0.1:*", False),
        ("http://127.0.0.1:8099", "http://127.0.0.1:8099", True),
        ("http://127.0.0.1:8098", "http://127.0.0.1:8099", False),
        ("http://127.0.0.1:80", "http://127.0.0.1", False),
        ("http://127.0.0.1:81", "http://127.0.0.1", False),
        ("http://[::1]:8099", "http://[::1]:8099", True),
        ("http://[::1]:8099", "http://[::1]:*", True),
        ("http://[::1]", "http://[::2]", False),
        ("https://jira.example.org:8443", "jira.example.org:8443", True),
        ("https://jira.example.org", "jira.example.org:8443", False),
        ("https://acme.atlassian.net", "ACME.atlassian.net", True),
        ("https://other.atlassian.net", "acme.atlassian.net", False),
        ("https://a.b.example.org", "*.*.example.org", True),
        ("https://localhost", "*", True),
        ("https://a.b", "*", False),
    ],
)
def test_a_pattern_means_one_scheme_one_port_and_whole_labels(url: str, pattern: str, fits: bool) -> None:
    assert is_allowed(url, [pattern]) is fits


@given(st.text(max_size=40) | st.text("htps:/@#?.-[]%\\a1 \t", max_size=40).map(lambda text: f"https://{text}"))
def test_no_text_raises_and_what_is_allowed_is_below_the_owners_domain(url: str) -> None:
    if is_allowed(url, CLOUD):
        origin = origin_of(url)
        assert origin is not None
        assert origin.scheme == "https"
        assert origin.host.endswith((".atlassian.net", ".jira.com"))
        assert origin_of(str(origin)) == origin


@given(st.text(max_size=12))
def test_nothing_before_or_after_a_sites_name_moves_it_elsewhere(stuff: str) -> None:
    for url in (f"https://{stuff}evil.com", f"https://acme.atlassian.net{stuff}evil.com"):
        assert not is_allowed(url, CLOUD)


@pytest.mark.parametrize(
    ("host", "is_allowed"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("10.0.0.1", False)]
)
def test_a_private_address_is_good_where_it_is_named(host: str, is_allowed: bool) -> None:
    assert is_private_ok(host, LAPTOP) is is_allowed


@pytest.mark.parametrize("host", ["jira.example.org", "acme.atlassian.net", "jira", "localhost.example.org", "1.2.3"])
def test_a_name_is_no_private_address_even_where_it_is_named(host: str) -> None:
    assert not is_private_ok(host, [host, f"http://{host}:*"])


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "10.0.0.1", "[::1]", "[::ffff:10.0.0.1]", "[fe80::1]"])
@pytest.mark.parametrize("form", ["{}", "https://{}", "https://{}:443", "http://{}:*", "{}:8443"])
def test_production_refuses_every_pattern_that_exempts_an_address(host: str, form: str) -> None:
    pattern = form.format(host)
    assert is_private_ok(host.strip("[]"), [pattern])
    assert is_loose(pattern)


def test_a_wildcard_names_no_private_address() -> None:
    assert not is_private_ok("127.0.0.1", ["*.0.0.1", "*"])
