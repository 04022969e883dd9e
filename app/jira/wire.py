"""Connections that look at whom they reached before a word is sent.

A name on `SITE_HOSTS` may still resolve to a private address, and may resolve differently each time it is asked: so the
address is judged on the connection itself. Through a proxy the proxy resolves, as operators expect.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

if TYPE_CHECKING:
    import socket

    import urllib3


_TRANSLATED = tuple(map(ipaddress.IPv6Network, ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "fec0::/10")))
"""IPv6 forms that lead to IPv4 addresses, or to a site's own, and that Python calls global."""


class PrivatePeerError(OSError):
    """The name led to an address that is not public."""


def is_public(address: str) -> bool:
    """Whether an address is out on the internet; an IPv4 address in IPv6 clothes is judged as what it is."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if found.version == 6 and any(found in network for network in _TRANSLATED):  # noqa: PLR2004 - IPv6
        return False
    mapped = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    return (mapped or found).is_global and not found.is_multicast


def _require_public(connection: HTTPConnection) -> None:
    peer: socket.socket | None = connection.sock
    if connection.proxy is None and peer is not None and not is_public(str(peer.getpeername()[0])):
        connection.close()
        raise PrivatePeerError("the site's name leads to a private address")


class _Plain(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _require_public(self)


class _Encrypted(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _require_public(self)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain  # type: ignore[mutable-override]  # urllib3's own place for it


class _EncryptedPool(HTTPSConnectionPool):
    ConnectionCls = _Encrypted  # type: ignore[mutable-override]  # urllib3's own place for it


class OneHop(requests.Session):
    """A session that does not look where a redirect points: `requests` reads its whole body first, however long, to find out."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere."""


class PublicOnly(HTTPAdapter):
    """A `requests` adapter that speaks to public addresses only."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - requests' own signature
        """Give the pools our connections."""
        super().init_poolmanager(*args, **kwargs)
        manager: urllib3.PoolManager = self.poolmanager
        manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _EncryptedPool}
