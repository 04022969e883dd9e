"""The query string hash of Atlassian's JSON Web Tokens, written from the specification.

Independent of the application's own implementation on purpose: two readings of one text that must agree.
"""

from __future__ import annotations

import hashlib
from urllib.parse import quote, unquote_to_bytes

CONTEXT = "context-qsh"
"""The fixed value carried by tokens from `AP.context.getToken` instead of a hash."""


def query_hash(method: str, path: str, query: str = "", base_path: str = "") -> str:
    """Return the lower-case hex SHA-256 of the canonical request.

    `path` and `query` are raw (still percent-encoded), as on the request line; `base_path` is the path of the
    base URL the hash is relative to.
    """
    return hashlib.sha256(canonical(method, path, query, base_path).encode()).hexdigest()


def canonical(method: str, path: str, query: str = "", base_path: str = "") -> str:
    """Return `METHOD&path&query` as it is hashed."""
    return f"{method.upper()}&{_canonical_path(path, base_path)}&{_canonical_query(query)}"


def accepted_hashes(method: str, path: str, query: str = "", base_path: str = "") -> frozenset[str]:
    """Return every hash a lenient Atlassian library may have made: values ordered decoded (usual) or encoded."""
    head = f"{method.upper()}&{_canonical_path(path, base_path)}&"
    spellings = (_canonical_query(query), _canonical_query(query, sort_encoded=True))
    return frozenset(hashlib.sha256((head + text).encode()).hexdigest() for text in spellings)


def _canonical_path(path: str, base_path: str) -> str:
    base = base_path.rstrip("/")
    if base and (path == base or path.startswith(base + "/")):
        path = path[len(base) :]
    path = path.replace("&", "%26")
    if not path.startswith("/"):
        path = "/" + path
    if path != "/" and path.endswith("/"):
        path = path[:-1]
    return path


def _canonical_query(query: str, *, sort_encoded: bool = False) -> str:
    values: dict[str, list[str]] = {}
    for piece in query.split("&"):
        if not piece:
            continue
        raw_name, _, raw_value = piece.partition("=")
        name = _decoded(raw_name)
        if name != "jwt":
            values.setdefault(name, []).append(_decoded(raw_value))
    named = sorted((_encoded(name), found) for name, found in values.items())
    return "&".join(f"{name}={_joined(found, sort_encoded=sort_encoded)}" for name, found in named)


def _joined(values: list[str], *, sort_encoded: bool) -> str:
    if sort_encoded:
        return ",".join(sorted(map(_encoded, values)))
    return ",".join(map(_encoded, sorted(values, key=_utf16_units)))


def _utf16_units(text: str) -> bytes:
    """Order by UTF-16 code units, because Java and JavaScript compare strings so."""
    return text.encode("utf-16-be", "surrogatepass")


def _decoded(text: str) -> str:
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8", "replace")


def _encoded(text: str) -> str:
    return quote(text, safe="-._~")
