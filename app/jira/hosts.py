"""Which addresses a Jira site may have (`SITE_HOSTS`), and that nothing is sent anywhere else.

A site's address comes from an unsigned body, so it is held against the list when it arrives and again whenever a
request leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

_PORTS = {"https": 443, "http": 80}
_MAX_LENGTH = 255


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
    if len(url) > _MAX_LENGTH or not url.isascii() or any(sign in url for sign in "\\@#?% \t\r\n"):
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
    return origin is not None and any(_matches(origin, pattern) for pattern in patterns)


def _matches(origin: Origin, pattern: str) -> bool:
    scheme, _, rest = pattern.rpartition("://")
    scheme = scheme or "https"
    host, port = _host_and_port(rest)
    if origin.scheme != scheme or not _is_host(origin.host, host.lower()):
        return False
    return port == "*" or origin.port == (int(port) if port.isdigit() else _PORTS[scheme])


def _host_and_port(rest: str) -> tuple[str, str]:
    if rest.startswith("["):
        host, _, tail = rest[1:].partition("]")
        return host, tail.removeprefix(":")
    host, _, port = rest.partition(":")
    return host, port


def _is_host(host: str, pattern: str) -> bool:
    """`*` stands for exactly one label, so that `*.atlassian.net` is no suffix match."""
    labels, wanted = host.split("."), pattern.split(".")
    return len(labels) == len(wanted) and all(
        want in ("*", label) and (want != "*" or _is_label(label)) for label, want in zip(labels, wanted, strict=True)
    )


def _is_label(label: str) -> bool:
    return bool(label) and all(sign.isalnum() or sign == "-" for sign in label) and label[0] != "-"


def is_private_ok(host: str, patterns: Sequence[str]) -> bool:
    """Whether a pattern names this very private address, as development does."""
    return any(_host_and_port(pattern.rpartition("://")[2])[0].lower() == host for pattern in patterns)
