"""Delivers events to the app's webhooks: signed, repeated on failure, without any promise of order."""

from __future__ import annotations

import re
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

import orjson
import requests

from sandbox.installation import USER_AGENT, Lifecycle
from sandbox.jql import parse
from sandbox.jql.evaluate import Clock, test_of
from sandbox.moments import now_ms, zone
from sandbox.shapes import ORIGIN, JsonObject
from sandbox.tokens import server_token

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.options import Options
    from sandbox.world import Issue

RETRIED = frozenset({408, 409, 425, 429})
_SERVER_ERROR = 500
_TIMEOUT_S = 10
_VARIABLE = re.compile(r"\$?\{([\w.]+)\}")


@dataclass(slots=True)
class Delivery:
    """One event on its way to one webhook; `statuses` grows with each attempt, 0 = not reached."""

    event: str
    url: str
    identifier: str
    body: bytes
    statuses: list[int] = field(default_factory=list)
    failed_at: int | None = None

    @property
    def is_received(self) -> bool:
        """Whether the app has taken it."""
        return bool(self.statuses) and 200 <= self.statuses[-1] < 300  # noqa: PLR2004 - HTTP


class Webhooks:
    """Sends what happens on the site to the app."""

    def __init__(self, lifecycle: Lifecycle, options: Options, user_zone: str) -> None:
        """Deliver on behalf of the app installed through `lifecycle`."""
        self._lifecycle = lifecycle
        self._options = options
        self._zone = user_zone
        self.deliveries: list[Delivery] = []
        self.before_send: Callable[[Delivery], None] | None = None  # a seam for tests

    def send(
        self, event: str, body: JsonObject, issue: Issue | None = None, *, flow: str = "Primary"
    ) -> list[Delivery]:
        """Send an event to each matching webhook; returns after the first attempt, retries go on behind."""
        state = self._lifecycle.state
        if not (state.installed and state.enabled and self._options.webhooks and state.descriptor):
            return []
        full = {"timestamp": now_ms(), "webhookEvent": event, **body}
        raw = orjson.dumps(full).replace(ORIGIN.encode(), self._lifecycle.site_url.encode())
        sent = []
        for hook in state.descriptor.webhooks:
            if hook["event"] != event or not self._matches(hook, issue):
                continue
            url = state.descriptor.address.url(_filled(hook["url"], full))
            delivery = Delivery(event, url, str(uuid.uuid4()), b"" if hook.get("excludeBody") else raw)
            self.deliveries.append(delivery)
            sent.append(delivery)
            if not self._attempt(delivery, flow):
                threading.Thread(target=self._retry, args=(delivery, flow), daemon=True).start()
        return sent

    def _matches(self, hook: JsonObject, issue: Issue | None) -> bool:
        query = hook.get("filter")
        if not query or issue is None:
            return True
        where = parse(query).where
        return where is None or test_of(where, Clock(now_ms(), zone(self._zone)))(issue)

    def _attempt(self, delivery: Delivery, flow: str) -> bool:
        """Try once; return whether the matter is settled."""
        state = self._lifecycle.state
        if state.descriptor is None or not state.shared_secret:
            return True
        request = requests.Request("POST", delivery.url, data=delivery.body).prepare()
        # signed anew for each attempt, over exactly what goes on the wire
        token = server_token(state.shared_secret, state.client_key, state.descriptor.address, "POST", request.path_url)
        request.headers.update(_headers(delivery, flow, token))
        if self.before_send is not None:
            self.before_send(delivery)
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.send(request, timeout=_TIMEOUT_S, allow_redirects=False)
            delivery.statuses.append(answer.status_code)
        except requests.RequestException:
            delivery.statuses.append(0)
        status = delivery.statuses[-1]
        return status not in RETRIED and status != 0 and status < _SERVER_ERROR

    def _retry(self, delivery: Delivery, flow: str) -> None:
        for delay in self._options.webhook_retry_delays:
            time.sleep(delay)
            if self._attempt(delivery, flow):
                return
        delivery.failed_at = now_ms()


def _headers(delivery: Delivery, flow: str, token: str) -> dict[str, str]:
    made = {
        "Authorization": f"JWT {token}",
        "Content-Type": "application/json; charset=UTF-8",
        "User-Agent": USER_AGENT,
        "X-Atlassian-Webhook-Identifier": delivery.identifier,
        "X-Atlassian-Webhook-Flow": flow,
    }
    if delivery.statuses:
        made["X-Atlassian-Webhook-Retry"] = str(len(delivery.statuses))
    return made


def _filled(url: str, context: JsonObject) -> str:
    """Put the event's values into a URL template such as `/hook?key=${issue.key}`."""

    def value(match: re.Match[str]) -> str:
        found: object = context
        for name in match.group(1).split("."):
            found = found.get(name, "") if isinstance(found, dict) else ""
        return quote(str(found), safe="")

    return _VARIABLE.sub(value, url)
