"""A site over a wire under the test's control."""

from __future__ import annotations

from typing import TYPE_CHECKING

from requests.auth import AuthBase

from app.jira.client import Connections, Site
from tests.fakes.limiter import open_gate

if TYPE_CHECKING:
    from tests.fakes.wire import Wire

URL = "http://127.0.0.1:8099"
SITE_HOSTS = ("*.atlassian.net", "http://127.0.0.1:*")


class Unsigned(AuthBase):
    """Authentication without a credential."""

    def __call__(self, request: object) -> object:
        return request


def site_over(wire: Wire) -> Site:
    connections = Connections("sei-connect-jira test", SITE_HOSTS)
    connections.to(URL).mount(URL, wire)
    return Site(URL, Unsigned(), connections, SITE_HOSTS, open_gate())
