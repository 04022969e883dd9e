"""The app's client of a site's REST API."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import jwt
import requests

from sandbox.connect.query_hash import query_hash
from tests.sandbox.fake_app import APP_KEY

if TYPE_CHECKING:
    from sandbox import Site


class AppClient:
    """Calls a site's REST API as an app does, with a fresh token for every request."""

    def __init__(self, site: Site) -> None:
        """Call `site`."""
        self.site = site
        self.session = requests.Session()
        self.session.trust_env = False

    def token(self, method: str, path: str, query: str = "", **changes: object) -> str:
        """Sign one request; keyword arguments replace claims, None removes one."""
        now = int(time.time())
        claims = {
            "iss": APP_KEY,
            "iat": now,
            "exp": now + 180,
            "qsh": query_hash(method, path, query),
            "aud": [self.site.client_key],
        }
        present_claims = {name: value for name, value in {**claims, **changes}.items() if value is not None}
        return jwt.encode(present_claims, self.site.shared_secret, algorithm="HS256")

    def get(self, path: str, **params: object) -> requests.Response:
        """GET with a signed URL."""
        return self.call("GET", path, params=params)

    def post(self, path: str, body: object) -> requests.Response:
        """POST JSON with a signed URL."""
        return self.call("POST", path, json=body)

    def call(self, method: str, path: str, **kwargs: object) -> requests.Response:
        """Send a request with a token over exactly the target as sent."""
        request = requests.Request(method, self.site.base_url + path, **kwargs).prepare()  # type: ignore[arg-type]
        raw, _, query = request.path_url.partition("?")
        request.headers["Authorization"] = "JWT " + self.token(method, raw, query)
        return self.session.send(request, timeout=10, allow_redirects=False)
