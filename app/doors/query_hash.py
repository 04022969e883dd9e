"""The query-string hash (`qsh`) that binds a Connect token to one method and address.

Our own, held to the published vectors (tests/unit/doors): the `atlassian-jwt` package collapses leading and
trailing slashes, which would let one token open two routes.
"""

from __future__ import annotations

import hashlib
from urllib.parse import quote, unquote_plus

CONTEXT = "context-qsh"
"""What a context token carries instead of a hash: good for our own page's calls, and for nothing else."""


def hashes(method: str, target: str, base_path: str = "") -> frozenset[str]:
    """The hashes a token for this request may carry, lower-case hex.

    `target` is the raw request target, still percent-encoded; `base_path` the path of our base URL. There are two where
    a repeated parameter's values sort differently before and after encoding: the prose and the libraries disagree, and
    both are hashes of this very request.
    """
    path, _, query = target.partition("?")
    head = f"{method.upper()}&{_path(path, base_path)}&"
    return frozenset(
        hashlib.sha256(f"{head}{_query(query, by_encoded=by_encoded)}".encode()).hexdigest()
        for by_encoded in (False, True)
    )


def canonical(method: str, target: str, base_path: str = "") -> str:
    """The canonical request that is hashed, values in the order Atlassian's libraries use."""
    path, _, query = target.partition("?")
    return f"{method.upper()}&{_path(path, base_path)}&{_query(query, by_encoded=False)}"


def _path(path: str, base_path: str) -> str:
    """Relative to our base, `&` escaped, one leading slash, one trailing slash dropped; nothing else is touched."""
    if base_path and (path == base_path or path.startswith(f"{base_path}/")):
        path = path[len(base_path) :]
    path = path.replace("&", "%26")
    if not path.startswith("/"):
        path = f"/{path}"
    return path[:-1] if path != "/" and path.endswith("/") else path


def _query(query: str, *, by_encoded: bool) -> str:
    """Sorted by encoded name; the values of one name sorted and joined with a literal comma; `jwt` left out."""
    values: dict[str, list[str]] = {}
    for piece in filter(None, query.split("&")):
        name, _, value = piece.partition("=")
        decoded = unquote_plus(name)
        if decoded != "jwt":
            values.setdefault(decoded, []).append(unquote_plus(value))
    pairs = sorted((_encode(name), _joined(found, by_encoded=by_encoded)) for name, found in values.items())
    return "&".join(f"{name}={joined}" for name, joined in pairs)


def _joined(values: list[str], *, by_encoded: bool) -> str:
    if by_encoded:
        return ",".join(sorted(_encode(value) for value in values))
    return ",".join(_encode(value) for value in sorted(values, key=_utf16))


def _utf16(text: str) -> bytes:
    """Sorts as Java and JavaScript compare strings: by UTF-16 code unit."""
    return text.encode("utf-16-be", "surrogatepass")


def _encode(text: str) -> str:
    """RFC 3986: unreserved characters stay, everything else is escaped in upper case."""
    return quote(text, safe="", errors="replace")
