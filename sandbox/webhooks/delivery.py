"""Delivers events to the app's webhooks: signed, repeated on failure, without any promise of order.

A network that loses, doubles and delays is drawn from a seed of its own, so that a run can be had again.
"""

from __future__ import annotations

import re
import threading
import uuid
from dataclasses import dataclass, field, fields
from functools import partial
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import quote

import orjson
import requests

from sandbox.connect.installation import USER_AGENT, Lifecycle
from sandbox.connect.tokens import server_token
from sandbox.jql import parse
from sandbox.jql.evaluate import Clock, test_of
from sandbox.moments import now_ms, zone
from sandbox.shapes import ORIGIN, JsonObject
from sandbox.webhooks.delay_queue import Postman

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.options import Options
    from sandbox.world import Issue

RETRIED = frozenset({408, 409, 425, 429})
_SERVER_ERROR = 500
_TIMEOUT_S = 10
_VARIABLE = re.compile(r"\$?\{([\w.]+)\}")
_WHILE_DOWN_S = 0.2


@dataclass(slots=True)
class Delivery:
    """One event on its way to one webhook; `statuses` grows with each attempt, 0 = not reached."""

    event: str
    url: str
    identifier: str
    body: bytes
    issue_id: str | None = None
    updated: int | None = None  # the issue's own, epoch ms, as the event tells of it
    made_at: int = field(default_factory=now_ms)
    is_lost: bool = False
    copies: int = 1
    statuses: list[int] = field(default_factory=list)
    received_at: int | None = None  # epoch ms of the first success
    failed_at: int | None = None

    @property
    def is_received(self) -> bool:
        """Whether the app has taken it."""
        return self.received_at is not None

    def shown(self) -> JsonObject:
        """Return what the control API shows."""
        hidden = {"body", "made_at", "received_at", "failed_at", "is_lost", "issue_id"}
        facts: JsonObject = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in hidden}
        facts |= {"issueId": self.issue_id, "madeAt": self.made_at, "receivedAt": self.received_at}
        return {**facts, "isLost": self.is_lost, "failedAt": self.failed_at}


class Webhooks:
    """Sends what happens on the site to the app."""

    def __init__(self, lifecycle: Lifecycle, options: Options, user_zone: str, seed: int = 1) -> None:
        """Deliver on behalf of the app installed through `lifecycle`."""
        self._lifecycle = lifecycle
        self._options = options
        self._zone = user_zone
        self._chance = Random(seed)  # noqa: S311 - reproducible, not secret
        self._chance_lock = threading.Lock()
        self._local = threading.local()
        self.postman = Postman()
        self.deliveries: list[Delivery] = []
        self.is_down: Callable[[], bool] = lambda: False
        self.before_send: Callable[[Delivery], None] | None = None  # a seam for tests

    def send(
        self, event: str, body: JsonObject, issue: Issue | None = None, *, flow: str = "Primary", wait: bool = True
    ) -> list[Delivery]:
        """Send an event to each matching webhook.

        Returns after the first attempt, retries go on behind; at once if not told to `wait`, or if the network
        loses, doubles or delays.
        """
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
            content = b"" if hook.get("excludeBody") else raw
            about = (issue.id, issue.updated_ms) if issue else (None, None)
            delivery = Delivery(event, url, str(uuid.uuid4()), content, *about)
            self.deliveries.append(delivery)
            sent.append(delivery)
            if wait and not self._options.is_network_bad:
                self._carry(delivery, flow, 0)
            else:
                self._hand_over(delivery, flow)
        return sent

    def _hand_over(self, delivery: Delivery, flow: str) -> None:
        """Give a delivery to the network, which decides what becomes of it."""
        options = self._options
        with self._chance_lock:
            delivery.is_lost = self._chance.random() < options.webhook_loss
            is_doubled = self._chance.random() < options.webhook_duplicates
            delays = [self._chance.uniform(0, options.webhook_delay_s) for _ in range(2)]
        delivery.copies = 0 if delivery.is_lost else 1 + is_doubled
        for delay in delays[: delivery.copies]:
            self.postman.post(partial(self._carry, delivery, flow, 0), after=delay)

    def _matches(self, hook: JsonObject, issue: Issue | None) -> bool:
        query = hook.get("filter")
        if not query or issue is None:
            return True
        where = parse(query).where
        return where is None or test_of(where, Clock(now_ms(), zone(self._zone)))(issue)

    def _carry(self, delivery: Delivery, flow: str, retry: int) -> None:
        """Try once; a failure is tried again later, until Jira gives up."""
        if self.is_down():
            self.postman.post(partial(self._carry, delivery, flow, retry), after=_WHILE_DOWN_S)
        elif not self._attempt(delivery, flow, retry):
            delays = self._options.webhook_retry_delays
            if retry < len(delays):
                self.postman.post(partial(self._carry, delivery, flow, retry + 1), after=delays[retry])
            elif not delivery.is_received:
                delivery.failed_at = now_ms()

    def _attempt(self, delivery: Delivery, flow: str, retry: int) -> bool:
        """Try once; return whether the matter is settled."""
        state = self._lifecycle.state
        if state.descriptor is None or not state.shared_secret:
            return True
        request = requests.Request("POST", delivery.url, data=delivery.body).prepare()
        # signed anew for each attempt, over exactly what goes on the wire
        token = server_token(state.shared_secret, state.client_key, state.descriptor.address, "POST", request.path_url)
        request.headers.update(_headers(delivery, flow, token, retry))
        if self.before_send is not None:
            self.before_send(delivery)
        try:
            answer = self._session().send(request, timeout=_TIMEOUT_S, allow_redirects=False)
            status = answer.status_code
        except requests.RequestException:
            status = 0
        if 200 <= status < 300 and delivery.received_at is None:  # noqa: PLR2004 - HTTP
            delivery.received_at = now_ms()
        delivery.statuses.append(status)
        return status not in RETRIED and status != 0 and status < _SERVER_ERROR

    def _session(self) -> requests.Session:
        """Return this thread's session; none of the machine's proxies applies, the app is on this machine."""
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.trust_env = False
        session: requests.Session = self._local.session
        return session


def _headers(delivery: Delivery, flow: str, token: str, retry: int) -> dict[str, str]:
    made = {
        "Authorization": f"JWT {token}",
        "Content-Type": "application/json; charset=UTF-8",
        "User-Agent": USER_AGENT,
        "X-Atlassian-Webhook-Identifier": delivery.identifier,
        "X-Atlassian-Webhook-Flow": flow,
    }
    if retry:
        made["X-Atlassian-Webhook-Retry"] = str(retry)
    return made


def _filled(url: str, context: JsonObject) -> str:
    """Put the event's values into a URL template such as `/hook?key=${issue.key}`."""

    def value(match: re.Match[str]) -> str:
        found: object = context
        for name in match.group(1).split("."):
            found = found.get(name, "") if isinstance(found, dict) else ""
        return quote(str(found), safe="")

    return _VARIABLE.sub(value, url)
