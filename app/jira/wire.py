"""Connections with a check of the peer's address before sending, and a time limit on the answer.

A name on `SITE_HOSTS` may still resolve to a private address, and may resolve differently each time, so the check is made
on the connection itself. Through a proxy the proxy resolves, as operators expect. A time-out between two octets never
ends an answer that drips, so the whole head must arrive within it, and `end_by` bounds the body.

A process may serve thousands of sites: of all connections without a request, only the `MOST_IDLE` used last stay open.
"""

from __future__ import annotations

import io
import ipaddress
import threading
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
    from urllib3._base_connection import BaseHTTPConnection


MOST_IDLE = 64
"""Connections of a process that stay open without a request, to all sites together: twice those of a busy site."""
_TRANSLATION_NETWORKS = tuple(
    map(
        ipaddress.ip_network,
        ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "fec0::/10", "192.88.99.0/24"),
    )
)
"""Networks, global according to Python, of translators to IPv4 (SIIT, NAT64, 6to4 relays) or with site-local addresses."""


class PrivatePeerError(OSError):
    """The site's name resolved to a private address."""


def is_public(address: str) -> bool:
    """Whether an address is on the public internet; an IPv4 address in IPv6 form is judged as IPv4."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    target = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None) or ip
    if any(address in network for address in (ip, target) for network in _TRANSLATION_NETWORKS):
        return False
    return target.is_global and not ip.is_multicast


def _require_public(connection: HTTPConnection) -> None:
    peer: socket.socket | None = connection.sock
    if connection.proxy is None and peer is not None and not is_public(str(peer.getpeername()[0])):
        connection.close()
        raise PrivatePeerError("the site's name leads to a private address")


class _DeadlineReader(io.RawIOBase):
    """A socket's octets, with an optional deadline on the monotonic clock."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw, self._sock, self.patience = raw, sock, sock.gettimeout()
        self.deadline: float | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int | None:  # noqa: ANN401 - any writable buffer
        """Read some octets. Raises TimeoutError."""
        if self.deadline is not None:
            self._sock.settimeout(max(0.001, self.deadline - time.monotonic()))
        return self._raw.readinto(into)

    def close(self) -> None:
        """Restore the socket's time-out and close."""
        with suppress(OSError):
            self._sock.settimeout(self.patience)
        self._raw.close()
        super().close()


class _PromptResponse(HTTPResponse):
    """An answer with a limit on its head: the time-out of a single octet."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - http.client's own
        super().__init__(sock, *args, **kwargs)
        self.until = _DeadlineReader(self.fp.detach(), sock)
        self.fp = io.BufferedReader(self.until)

    def begin(self) -> None:
        """Read status and headers. Raises TimeoutError."""
        if self.until.patience is not None:
            self.until.deadline = time.monotonic() + self.until.patience
        super().begin()


def end_by(response: requests.Response, seconds: float) -> None:
    """Limit the seconds for the rest of an answer; a late read raises a time-out."""
    until = getattr(getattr(response.raw, "_original_response", None), "until", None)
    if until is not None:
        until.deadline = time.monotonic() + seconds


class _PlainConnection(HTTPConnection):
    response_class = _PromptResponse  # type: ignore[mutable-override]  # http.client's own place for it


class _TlsConnection(HTTPSConnection):
    response_class = _PromptResponse  # type: ignore[mutable-override]  # http.client's own place for it


class _PublicPlainConnection(_PlainConnection):
    def connect(self) -> None:
        super().connect()
        _require_public(self)


class _PublicTlsConnection(_TlsConnection):
    def connect(self) -> None:
        super().connect()
        _require_public(self)


class _IdleConnections:
    """The connections of all pools that have no request; beyond a number the longest idle ones are closed."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._connections: dict[BaseHTTPConnection, None] = {}

    def add(self, connection: BaseHTTPConnection) -> None:
        """Take in a connection before its pool may give it away again; close the longest idle one of too many."""
        with self._lock:
            self._connections[connection] = None
            if len(self._connections) > self._most:
                # Its pool still has it and connects again. Closed under the lock, it can't be in use by then.
                longest_idle = next(iter(self._connections))
                del self._connections[longest_idle]
                longest_idle.close()

    def remove(self, connection: BaseHTTPConnection) -> None:
        """Let go of a connection before its next request."""
        with self._lock:
            self._connections.pop(connection, None)


_IDLE = _IdleConnections(MOST_IDLE)


class _PlainPool(HTTPConnectionPool):
    def _get_conn(self, timeout: float | None = None) -> BaseHTTPConnection:
        connection = super()._get_conn(timeout)
        _IDLE.remove(connection)
        return connection

    def _put_conn(self, conn: BaseHTTPConnection | None) -> None:
        if conn is not None and not conn.is_closed:
            _IDLE.add(conn)
        super()._put_conn(conn)


class _TlsPool(_PlainPool, HTTPSConnectionPool):
    pass


def _pools(plain_type: type[HTTPConnection], tls_type: type[HTTPSConnection]) -> dict[str, type[HTTPConnectionPool]]:
    return {
        "http": type("Pool", (_PlainPool,), {"ConnectionCls": plain_type}),
        "https": type("Pool", (_TlsPool,), {"ConnectionCls": tls_type}),
    }


class Prompt(HTTPAdapter):
    """A `requests` adapter with a limit on an answer's head, directly or through a proxy."""

    pools = _pools(_PlainConnection, _TlsConnection)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - requests' own signature
        """Use our connections in the pools."""
        super().init_poolmanager(*args, **kwargs)
        manager: urllib3.PoolManager = self.poolmanager
        manager.pool_classes_by_scheme = self.pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> urllib3.PoolManager:  # noqa: ANN401 - requests' own signature
        """Use our connections behind a proxy as well."""
        manager: urllib3.PoolManager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):  # SOCKS needs connections of its own
            manager.pool_classes_by_scheme = self.pools
        return manager


class PublicOnly(Prompt):
    """Connects to public addresses only."""

    pools = _pools(_PublicPlainConnection, _PublicTlsConnection)


class OneHop(requests.Session):
    """A session that ignores redirects: to follow one, `requests` would first read its whole body, of any length."""

    def __init__(self) -> None:
        super().__init__()
        for scheme in ("https://", "http://"):
            self.mount(scheme, Prompt())

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return no target."""
