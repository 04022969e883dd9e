"""Signs requests with an API token: HTTP's Basic scheme, to one host only."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

if TYPE_CHECKING:
    from urllib.parse import SplitResult


class TokenAuth(AuthBase):
    """An account's e-mail address and token. Holds the token: never print it."""

    def __init__(self, *, email: str, token: str, root: str) -> None:
        self._email = email
        self._token = token
        self._root = urlsplit(root)

    def __repr__(self) -> str:
        return "TokenAuth(…)"

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header. Raises InvalidURL for any other host or path than the root's."""
        parts = urlsplit(request.url or "")
        if not self._is_below_root(parts):
            raise requests.exceptions.InvalidURL("a token is only for the site it belongs to")
        pair = base64.b64encode(f"{self._email}:{self._token}".encode()).decode()
        request.headers["Authorization"] = f"Basic {pair}"
        return request

    def _is_below_root(self, parts: SplitResult) -> bool:
        is_same_host = (parts.scheme, parts.netloc) == (self._root.scheme, self._root.netloc)
        return is_same_host and parts.path.startswith(self._root.path.rstrip("/") + "/")
