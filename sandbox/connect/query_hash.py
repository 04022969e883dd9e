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

    `path` and `query` are raw (percent-encoded), as on the request line. `base_path` is the path of the base URL;
    the hash omits it.
    """
    return hashlib.sha256(canonical(method, path, query, base_path).encode()).hexdigest()


def canonical(method: str, path: str, query: str = "", base_path: str = "") -> str:
    """Return `METHOD&path&query`, the text to hash."""
    return f"{method.upper()}&{_canonical_path(path, base_path)}&{_canonical_query(query)}"


def accepted_hashes(method: str, path: str, query: str = "", base_path: str = "") -> frozenset[str]:
    """Return all hashes of Atlassian's libraries: repeated values in decoded (usual) or encoded order."""
    head = f"{method.upper()}&{_canonical_path(path, base_path)}&"
    spellings = (_canonical_query(query), _canonical_query(query, by_encoding=True))
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


def _canonical_query(query: str, *, by_encoding: bool = False) -> str:
    values: dict[str, list[str]] = {}
    for piece in query.split("&"):
        if not piece:
            continue
        raw_name, _, raw_value = piece.partition("=")
        name = _decode(raw_name)
        if name != "jwt":
            values.setdefault(name, []).append(_decode(raw_value))
    parameters = sorted((_encode(name), texts) for name, texts in values.items())
    return "&".join(f"{name}={_join(texts, by_encoding=by_encoding)}" for name, texts in parameters)


def _join(values: list[str], *, by_encoding: bool) -> str:
    if by_encoding:
        return ",".join(sorted(map(_encode, values)))
    return ",".join(map(_encode, sorted(values, key=_utf16_units)))


def _utf16_units(text: str) -> bytes:
    """Return the sort key of Java and JavaScript, which compare strings by UTF-16 code units."""
    return text.encode("utf-16-be", "surrogatepass")


def _decode(text: str) -> str:
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8", "replace")


def _encode(text: str) -> str:
    return quote(text, safe="-._~")
