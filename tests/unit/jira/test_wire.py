"""Permitted addresses behind a site's host name."""

from __future__ import annotations

import pytest

from app.jira.client import Connections
from app.jira.wire import PublicOnly, is_public


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("127.0.0.1", False),
        ("127.1.2.3", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("fe80::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:169.254.169.254", False),
        ("::ffff:104.192.141.1", True),
        ("2002:7f00:1::", False),
        ("2002:a01:203::", False),
        ("::ffff:0:10.0.0.1", False),
        ("::ffff:0:104.192.141.1", False),
        ("192.88.99.1", False),
        ("::ffff:192.88.99.1", False),
        ("192.88.98.1", True),
        ("104.192.141.1", True),
        ("2606:4700::1111", True),
    ],
)
def test_public_addresses_are_told_from_all_others(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    ("url", "is_checked"),
    [
        ("https://acme.atlassian.net", True),
        ("https://127.0.0.1", True),
        ("http://127.0.0.1:8099", False),
        ("http://[::1]:8099", False),
        ("https://jira.example.org", True),
    ],
)
def test_every_site_is_judged_but_an_address_that_a_pattern_names(url: str, is_checked: bool) -> None:
    patterns = ["*.atlassian.net", "jira.example.org", "*.0.0.1", "http://[::1]:*"]
    patterns += [] if is_checked else ["http://127.0.0.1:*"]
    adapter = Connections("test", patterns).to(url).get_adapter(f"{url}/rest/api/3/myself")
    assert isinstance(adapter, PublicOnly) is is_checked
