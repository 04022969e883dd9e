"""A small Connect app: serves a descriptor, verifies every signature, records hooks and webhooks."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

import jwt
import requests

from sandbox.connect.query_hash import query_hash

if TYPE_CHECKING:
    from sandbox import Site

APP_KEY = "test.app"


@dataclass(slots=True)
class HookRequest:
    """One hook or webhook."""

    path: str
    headers: dict[str, str]
    body: Any
    claims: dict[str, Any]


@dataclass(slots=True)
class FakeApp:
    """A context manager; `answers` scripts statuses by path, the last one repeatedly."""

    requests: list[HookRequest] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    answers: dict[str, list[int]] = field(default_factory=dict)
    changes: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    base_url: str = ""
    _server: ThreadingHTTPServer | None = None
    _keys_url: str = ""

    def __enter__(self) -> Self:
        """Start listening."""
        app = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                app.answer(self, 200, json.dumps(app.descriptor()).encode())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                app.answer(self, app.take(self.path, dict(self.headers), body))

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/base"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    @staticmethod
    def answer(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"") -> None:
        """Write an answer."""
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def trust(self, site: Site) -> None:
        """Accept install hooks with the site's signature."""
        self._keys_url = site.install_keys_url

    def descriptor(self) -> dict[str, Any]:
        """Return the descriptor; `changes` replace its parts."""
        events = (
            "jira:issue_created",
            "jira:issue_updated",
            "jira:issue_deleted",
            "comment_created",
            "worklog_created",
            "issuelink_created",
            "sprint_started",
            "sprint_updated",
        )
        return {
            "key": APP_KEY,
            "name": "Test app",
            "baseUrl": self.base_url,
            "authentication": {"type": "jwt"},
            "lifecycle": {name: f"/hooks/{name}" for name in ("installed", "uninstalled", "enabled", "disabled")},
            "scopes": ["READ", "ACCESS_EMAIL_ADDRESSES"],
            "modules": {
                "webhooks": [{"event": event, "url": "/webhooks?issue=${issue.key}&z=1"} for event in events],
                "generalPages": [
                    {
                        "key": "config",
                        "name": {"value": "Test page"},
                        "url": "/page?a=1",
                        "conditions": [{"condition": "user_is_admin"}],
                    },
                    {"key": "open", "name": {"value": "Open page"}, "url": "/open"},
                ],
                "configurePage": {"key": "conf", "name": {"value": "Configure it"}, "url": "/conf"},
            },
            **self.changes,
        }

    def take(self, target: str, headers: dict[str, str], raw: bytes) -> int:
        """Verify and record one POST; return the status of the answer."""
        path, _, query = target.partition("?")
        token = headers["Authorization"].removeprefix("JWT ")
        body = json.loads(raw) if raw else {}
        try:
            claims = self._verify(path, token, body)
            if claims["qsh"] != query_hash("POST", path, query, "/base"):
                self.problems.append(f"{target}: wrong qsh")
        except (jwt.PyJWTError, KeyError) as failure:
            self.problems.append(f"{target}: {failure!r}")
            return 401
        statuses = self.answers.get(path.removeprefix("/base"), [204])
        status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
        self.requests.append(HookRequest(target.removeprefix("/base"), headers, body, claims))
        if path.endswith("/installed") and status in {200, 204}:
            self.secrets[claims["iss"]] = body["sharedSecret"]
        return status

    def _verify(self, path: str, token: str, body: dict[str, Any]) -> dict[str, Any]:
        if path.endswith(("/installed", "/uninstalled")):
            kid = jwt.get_unverified_header(token)["kid"]
            pem = requests.get(f"{self._keys_url}/{kid}", timeout=5).text
            claims = jwt.decode(
                token,
                pem,
                algorithms=["RS256"],
                audience=self.base_url,
                options={"require": ["exp", "iat", "iss", "qsh"]},
            )
            assert claims["iss"] == body["clientKey"]
            return claims
        issuer = jwt.decode(token, options={"verify_signature": False})["iss"]
        return jwt.decode(
            token,
            self.secrets[issuer],
            algorithms=["HS256"],
            options={"require": ["exp", "iat", "qsh"], "verify_aud": False},
        )

    def of(self, path: str) -> list[HookRequest]:
        """Return the requests to a path."""
        return [request for request in self.requests if request.path.split("?")[0] == path]
