"""Connections that look at whom they reached before a word is sent, and do not listen for ever.

A name on `SITE_HOSTS` may still resolve to a private address, and may resolve differently each time it is asked: so the
address is judged on the connection itself. Through a proxy the proxy resolves, as operators expect. A time-out between
two octets ends nothing that drips, so the head of an answer must be whole within it, and `end_by` bounds a body.
"""

from __future__ import annotations

import io
import ipaddress
import time
from contextlib import suppress
from http.client import HTTPResponse
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


class _Until(io.RawIOBase):
    """A socket's octets, until a deadline on the monotonic clock while there is one."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw, self._sock, self.patience = raw, sock, sock.gettimeout()
        self.deadline: float | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int | None:  # noqa: ANN401 - whatever buffer reads
        """Some octets. Raises TimeoutError."""
        if self.deadline is not None:
            self._sock.settimeout(max(0.001, self.deadline - time.monotonic()))
        return self._raw.readinto(into)

    def close(self) -> None:
        """Give the socket back as it was."""
        with suppress(OSError):
            self._sock.settimeout(self.patience)
        self._raw.close()
        super().close()


class _Prompt(HTTPResponse):
    """An answer whose head comes within the time that is given to one octet."""

    def __init__(self, sock: socket.socket, *args: Any, **given: Any) -> None:  # noqa: ANN401 - http.client's own
        super().__init__(sock, *args, **given)
        self.until = _Until(self.fp.detach(), sock)
        self.fp = io.BufferedReader(self.until)

    def begin(self) -> None:
        """Read status and headers. Raises TimeoutError."""
        if self.until.patience is not None:
            self.until.deadline = time.monotonic() + self.until.patience
        super().begin()


def end_by(response: requests.Response, seconds: float) -> None:
    """Let the rest of an answer take so long, however it is cut: what is late is a time-out to whoever reads."""
    until = getattr(getattr(response.raw, "_original_response", None), "until", None)
    if until is not None:
        until.deadline = time.monotonic() + seconds


class _Plain(HTTPConnection):
    response_class = _Prompt  # type: ignore[mutable-override]  # http.client's own place for it


class _Encrypted(HTTPSConnection):
    response_class = _Prompt  # type: ignore[mutable-override]  # http.client's own place for it


class _PlainPublic(_Plain):
    def connect(self) -> None:
        super().connect()
        _require_public(self)


class _EncryptedPublic(_Encrypted):
    def connect(self) -> None:
        super().connect()
        _require_public(self)


def _pools(plain: type[HTTPConnection], encrypted: type[HTTPSConnection]) -> dict[str, type[HTTPConnectionPool]]:
    return {
        "http": type("Pool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("Pool", (HTTPSConnectionPool,), {"ConnectionCls": encrypted}),
    }


class Prompt(HTTPAdapter):
    """A `requests` adapter that waits for the head of an answer as long as for an octet, directly or through a proxy."""

    pools = _pools(_Plain, _Encrypted)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - requests' own signature
        """Give the pools our connections."""
        super().init_poolmanager(*args, **kwargs)
        manager: urllib3.PoolManager = self.poolmanager
        manager.pool_classes_by_scheme = self.pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> urllib3.PoolManager:  # noqa: ANN401 - requests' own signature
        """Likewise."""
        manager: urllib3.PoolManager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):  # which brings connections of its own, to go another way
            manager.pool_classes_by_scheme = self.pools
        return manager


class PublicOnly(Prompt):
    """Speaks to public addresses only."""

    pools = _pools(_PlainPublic, _EncryptedPublic)


class OneHop(requests.Session):
    """A session that does not look where a redirect points: `requests` reads its whole body first, however long, to find out."""

    def __init__(self) -> None:
        super().__init__()
        for scheme in ("https://", "http://"):
            self.mount(scheme, Prompt())

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere."""
