"""The query-string hash (`qsh`): it binds a Connect token to one method and address.

Our own implementation, tested against the published vectors (tests/unit/doors): the `atlassian-jwt` package collapses
leading and trailing slashes, which would let one token open two routes.
"""

from __future__ import annotations

import hashlib
from urllib.parse import quote, unquote_plus

CONTEXT = "context-qsh"
"""The `qsh` of a context token in place of a hash: valid for calls from our own page, and for nothing else."""


def hashes(method: str, target: str, base_path: str = "") -> frozenset[str]:
    """The valid hashes of this request, in lower-case hex.

    `target` is the raw request target, still percent-encoded; `base_path` is the path of our base URL. There are two
    hashes where a repeated parameter's values sort differently before and after encoding: Atlassian's prose and its
    libraries disagree, and both bind the token to this request.
    """
    path, _, query = target.partition("?")
    head = f"{method.upper()}&{_path(path, base_path)}&"
    return frozenset(
        hashlib.sha256(f"{head}{_query(query, by_encoding=by_encoding)}".encode()).hexdigest()
        for by_encoding in (False, True)
    )


def canonical(method: str, target: str, base_path: str = "") -> str:
    """The canonical request, the input of the hash, with values in the order of Atlassian's libraries."""
    path, _, query = target.partition("?")
    return f"{method.upper()}&{_path(path, base_path)}&{_query(query, by_encoding=False)}"


def _path(path: str, base_path: str) -> str:
    """The path relative to our base: `&` escaped, one leading slash, one trailing slash dropped, nothing else changed."""
    if base_path and (path == base_path or path.startswith(f"{base_path}/")):
        path = path[len(base_path) :]
    path = path.replace("&", "%26")
    if not path.startswith("/"):
        path = f"/{path}"
    return path[:-1] if path != "/" and path.endswith("/") else path


def _query(query: str, *, by_encoding: bool) -> str:
    """The parameters sorted by encoded name, each name's values sorted and joined by a literal comma, without `jwt`."""
    values: dict[str, list[str]] = {}
    for piece in filter(None, query.split("&")):
        name, _, value = piece.partition("=")
        parameter = unquote_plus(name)
        if parameter != "jwt":
            values.setdefault(parameter, []).append(unquote_plus(value))
    pairs = sorted(
        (_encode(name), _join_values(parameter_values, by_encoding=by_encoding))
        for name, parameter_values in values.items()
    )
    return "&".join(f"{name}={joined_values}" for name, joined_values in pairs)


def _join_values(values: list[str], *, by_encoding: bool) -> str:
    if by_encoding:
        return ",".join(sorted(_encode(value) for value in values))
    return ",".join(_encode(value) for value in sorted(values, key=_utf16))


def _utf16(text: str) -> bytes:
    """The sort key of Java and JavaScript strings: UTF-16 code units."""
    return text.encode("utf-16-be", "surrogatepass")


def _encode(text: str) -> str:
    """Percent-encode by RFC 3986: unreserved characters stay, everything else is escaped in upper case."""
    return quote(text, safe="", errors="replace")
