"""The allow-list of site addresses (`SITE_HOSTS`); nothing is sent anywhere else.

A site's address comes from an unsigned body, so it is checked against the list on arrival and again before every
request.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

_PORTS = {"https": 443, "http": 80}
_LOCALHOST = "localhost"
_MAX_LENGTH = 255
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Origin:
    """Scheme, host and port of an address."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if _PORTS[self.scheme] == self.port else f":{self.port}")


def origin_of(url: str) -> Origin | None:
    """The origin of a plain site address, or None: no user, no path, no query, no fragment, no odd characters."""
    if len(url) > _MAX_LENGTH or not url.isascii() or any(character in url for character in "\\@#?% \t\r\n"):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or parts.path not in {"", "/"}:
        return None
    return Origin(parts.scheme, parts.hostname.lower(), port or _PORTS[parts.scheme])


def is_allowed(url: str, patterns: Sequence[str]) -> bool:
    """Whether a site address is on the list."""
    origin = origin_of(url)
    has_port = origin is not None and urlsplit(url).port is not None
    return origin is not None and any(_matches(origin, pattern, has_port=has_port) for pattern in patterns)


def _matches(origin: Origin, pattern: str, *, has_port: bool) -> bool:
    scheme, _, authority = pattern.rpartition("://")
    scheme = scheme or "https"
    host, port = _host_and_port(authority)
    if has_port and not port:
        return False
    if origin.scheme != scheme or not _is_host(origin.host, host.lower()):
        return False
    return port == "*" or origin.port == (int(port) if port.isdigit() else _PORTS[scheme])


def _host_and_port(authority: str) -> tuple[str, str]:
    if authority.startswith("["):
        host, _, tail = authority[1:].partition("]")
        return host, tail.removeprefix(":")
    host, _, port = authority.partition(":")
    return host, port


def _is_host(host: str, pattern: str) -> bool:
    """Whether a host matches; `*` stands for exactly one label, so `*.atlassian.net` is no suffix match."""
    labels, pattern_labels = host.split("."), pattern.split(".")
    return len(labels) == len(pattern_labels) and all(
        pattern_label in ("*", label) and (pattern_label != "*" or _is_label(label))
        for label, pattern_label in zip(labels, pattern_labels, strict=True)
    )


def _is_label(label: str) -> bool:
    return _LABEL.fullmatch(label) is not None


def is_name(host: str) -> bool:
    """Whether a host is a plain internet name, safe in a header: no wildcard, no address, no special characters."""
    labels = host.split(".")
    return len(labels) > 1 and all(map(_is_label, labels)) and not labels[-1].isdigit()


def is_private_ok(host: str, patterns: Sequence[str]) -> bool:
    """Whether a pattern names this exact address, or `localhost`, as in development.

    Any other name is no exception: its DNS records choose the address, and they may change.
    """
    is_own_machine = host == _LOCALHOST or _is_address(host)
    return is_own_machine and any(
        _host_and_port(pattern.rpartition("://")[2])[0].lower() == host for pattern in patterns
    )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
