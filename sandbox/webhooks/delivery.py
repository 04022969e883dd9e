"""Delivers events to the app's webhooks: signed, with retries, in no particular order.

Losses, duplicates and delays of the network come from a seed, hence a run can be repeated.
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
from sandbox.webhooks.delay_queue import DelayQueue

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.options import Options
    from sandbox.world import Issue

RETRY_STATUSES = frozenset({408, 409, 425, 429})
_SERVER_ERROR = 500
_TIMEOUT_S = 10
_VARIABLE = re.compile(r"\$?\{([\w.]+)\}")
_WHILE_DOWN_S = 0.2


@dataclass(slots=True)
class Delivery:
    """One event for one webhook. `statuses` has one HTTP status per attempt, 0 for no connection."""

    event: str
    url: str
    identifier: str
    body: bytes
    issue_id: str | None = None
    updated: int | None = None  # `updated` of the issue in the event, epoch ms
    made_at: int = field(default_factory=now_ms)
    is_lost: bool = False
    copies: int = 1
    statuses: list[int] = field(default_factory=list)
    received_at: int | None = None  # epoch ms of the first success
    failed_at: int | None = None

    @property
    def is_received(self) -> bool:
        """Whether the app has answered with success."""
        return self.received_at is not None

    def as_json(self) -> JsonObject:
        """Return the delivery as the control API shows it."""
        renamed_fields = {"body", "made_at", "received_at", "failed_at", "is_lost", "issue_id"}
        facts: JsonObject = {
            field.name: getattr(self, field.name) for field in fields(self) if field.name not in renamed_fields
        }
        facts |= {"issueId": self.issue_id, "madeAt": self.made_at, "receivedAt": self.received_at}
        return {**facts, "isLost": self.is_lost, "failedAt": self.failed_at}


class Webhooks:
    """Sends events of the site to the app."""

    def __init__(self, lifecycle: Lifecycle, options: Options, user_zone: str, seed: int = 1) -> None:
        """Deliver to the app that is installed through `lifecycle`; read filters in `user_zone`."""
        self._lifecycle = lifecycle
        self._options = options
        self._zone = user_zone
        self._chance = Random(seed)  # noqa: S311 - reproducible, not secret
        self._chance_lock = threading.Lock()
        self._local = threading.local()
        self.queue = DelayQueue()
        self.deliveries: list[Delivery] = []
        self.is_down: Callable[[], bool] = lambda: False
        self.before_send: Callable[[Delivery], None] | None = None  # a seam for tests

    def send(
        self, event: str, body: JsonObject, issue: Issue | None = None, *, flow: str = "Primary", wait: bool = True
    ) -> list[Delivery]:
        """Send an event to each matching webhook.

        Returns after the first attempt; retries follow in the background. Returns at once if `wait` is false or the
        network is bad.
        """
        state = self._lifecycle.state
        if not (state.is_installed and state.is_enabled and self._options.webhooks and state.descriptor):
            return []
        full = {"timestamp": now_ms(), "webhookEvent": event, **body}
        raw = orjson.dumps(full).replace(ORIGIN.encode(), self._lifecycle.site_url.encode())
        deliveries = []
        for hook in state.descriptor.webhooks:
            if hook["event"] != event or not self._matches(hook, issue):
                continue
            url = state.descriptor.address.url(_fill(hook["url"], full))
            content = b"" if hook.get("excludeBody") else raw
            issue_facts = (issue.id, issue.updated_ms) if issue else (None, None)
            delivery = Delivery(event, url, str(uuid.uuid4()), content, *issue_facts)
            self.deliveries.append(delivery)
            deliveries.append(delivery)
            if wait and not self._options.is_network_bad:
                self._deliver(delivery, flow, 0)
            else:
                self._enqueue(delivery, flow)
        return deliveries

    def _enqueue(self, delivery: Delivery, flow: str) -> None:
        """Pass a delivery to the network, which may lose, repeat or delay it."""
        options = self._options
        with self._chance_lock:
            delivery.is_lost = self._chance.random() < options.webhook_loss
            is_repeated = self._chance.random() < options.webhook_duplicates
            delays = [self._chance.uniform(0, options.webhook_delay_s) for _ in range(2)]
        delivery.copies = 0 if delivery.is_lost else 1 + is_repeated
        for delay in delays[: delivery.copies]:
            self.queue.put(partial(self._deliver, delivery, flow, 0), after=delay)

    def _matches(self, hook: JsonObject, issue: Issue | None) -> bool:
        query = hook.get("filter")
        if not query or issue is None:
            return True
        condition = parse(query).condition
        return condition is None or test_of(condition, Clock(now_ms(), zone(self._zone)))(issue)

    def _deliver(self, delivery: Delivery, flow: str, retry: int) -> None:
        """Attempt a delivery and schedule the next retry, up to the last one."""
        if self.is_down():
            self.queue.put(partial(self._deliver, delivery, flow, retry), after=_WHILE_DOWN_S)
        elif not self._attempt(delivery, flow, retry):
            delays = self._options.webhook_retry_delays
            if retry < len(delays):
                self.queue.put(partial(self._deliver, delivery, flow, retry + 1), after=delays[retry])
            elif not delivery.is_received:
                delivery.failed_at = now_ms()

    def _attempt(self, delivery: Delivery, flow: str, retry: int) -> bool:
        """Send a delivery once. Returns False where a retry is due."""
        state = self._lifecycle.state
        if state.descriptor is None or not state.shared_secret:
            return True
        request = requests.Request("POST", delivery.url, data=delivery.body).prepare()
        # each attempt has a fresh signature over the target as sent
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
        return status not in RETRY_STATUSES and status != 0 and status < _SERVER_ERROR

    def _session(self) -> requests.Session:
        """Return this thread's session, without proxies: the app runs on this machine."""
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.trust_env = False
        session: requests.Session = self._local.session
        return session


def _headers(delivery: Delivery, flow: str, token: str, retry: int) -> dict[str, str]:
    headers = {
        "Authorization": f"JWT {token}",
        "Content-Type": "application/json; charset=UTF-8",
        "User-Agent": USER_AGENT,
        "X-Atlassian-Webhook-Identifier": delivery.identifier,
        "X-Atlassian-Webhook-Flow": flow,
    }
    if retry:
        headers["X-Atlassian-Webhook-Retry"] = str(retry)
    return headers


def _fill(url: str, context: JsonObject) -> str:
    """Fill the event's values into a URL template such as `/hook?key=${issue.key}`."""

    def value(match: re.Match[str]) -> str:
        node: object = context
        for name in match.group(1).split("."):
            node = node.get(name, "") if isinstance(node, dict) else ""
        return quote(str(node), safe="")

    return _VARIABLE.sub(value, url)
