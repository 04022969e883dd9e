"""Signs requests as the Connect app, each token for the exact address of its request."""

from __future__ import annotations

from urllib.parse import urlsplit

import requests
from atlassian_jwt.encode import encode_token
from requests.auth import AuthBase

_LIFE = 180
"""Seconds; Atlassian's own frameworks use no more."""


class ConnectJwt(AuthBase):
    """The app's signature on behalf of one site. Holds the shared secret: never print it."""

    def __init__(self, *, app_key: str, client_key: str, shared_secret: str, base_url: str) -> None:
        self._app_key = app_key
        self._client_key = client_key
        self._secret = shared_secret
        self._base = urlsplit(base_url)

    def __repr__(self) -> str:
        return f"ConnectJwt({self._client_key!r})"

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header. Raises InvalidURL for any other origin than the site's."""
        parts = urlsplit(request.url or "")
        if (parts.scheme, parts.netloc) != (self._base.scheme, self._base.netloc):
            raise requests.exceptions.InvalidURL("a token is only for the site it belongs to")
        relative = request.path_url.removeprefix(self._base.path.rstrip("/"))
        token = encode_token(
            request.method or "GET",
            relative,
            self._client_key,
            self._secret,
            timeout_secs=_LIFE,
            # The library's default issuer is the client key, which Jira refuses.
            payload_kwargs={"iss": self._app_key},
        )
        request.headers["Authorization"] = f"JWT {token}"
        return request
