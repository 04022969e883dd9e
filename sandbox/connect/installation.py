"""The installation of one app on the site, and the lifecycle hooks."""

from __future__ import annotations

import secrets
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import orjson
import requests

from sandbox.connect.descriptor import Descriptor, InstallRefusedError, check_descriptor
from sandbox.connect.tokens import install_token, server_token

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.connect.install_key import SiteKey
    from sandbox.shapes import JsonObject

SUCCESS = frozenset({200, 204})
USER_AGENT = "Atlassian Webhook HTTP Client"
TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class Installation:
    """The state of the app on this site; immutable."""

    client_key: str = field(default_factory=lambda: str(uuid.uuid4()))
    shared_secret: str = ""
    is_installed: bool = False
    is_enabled: bool = False
    descriptor: Descriptor | None = None


@dataclass(frozen=True, slots=True)
class HookAnswer:
    """The app's answer to a hook; status 0 means no connection."""

    event: str
    status: int
    detail: str = ""

    @property
    def is_success(self) -> bool:
        """Whether Jira counts the hook as received."""
        return self.status in SUCCESS


class Lifecycle:
    """Installs and removes the app as Jira does."""

    def __init__(self, key: SiteKey, app_url: str | None) -> None:
        """Sign with `key`; fetch the descriptor below `app_url`."""
        self.key = key
        self.app_url = app_url
        self._state = Installation()
        self.watch: Callable[[Installation], None] = lambda _: None
        self.site_url = ""
        self.description = "Atlassian Jira Cloud sandbox"
        self.history: list[HookAnswer] = []

    @property
    def state(self) -> Installation:
        """The current installation."""
        return self._state

    @state.setter
    def state(self, state: Installation) -> None:
        self._state = state
        self.watch(state)

    def fetch(self) -> Descriptor:
        """Fetch and check the descriptor."""
        if self.app_url is None:
            raise InstallRefusedError("The site does not know the app's address.")
        base = self.app_url.rstrip("/")
        try:
            answer = _session().get(f"{base}/atlassian-connect.json", timeout=TIMEOUT_S, allow_redirects=False)
        except requests.RequestException as failure:
            raise InstallRefusedError(
                f"The app descriptor could not be fetched: {type(failure).__name__}."
            ) from failure
        if answer.status_code != 200:  # noqa: PLR2004 - HTTP
            raise InstallRefusedError(f"The app's host returned HTTP {answer.status_code} for the descriptor.")
        try:
            return check_descriptor(orjson.loads(answer.content), base)
        except orjson.JSONDecodeError as failure:
            raise InstallRefusedError("The app descriptor is not JSON.") from failure

    def install(self, account_id: str | None = None) -> HookAnswer:
        """Install, upgrade or re-install with a new secret. A refusal by the app keeps the old secret."""
        descriptor = self.fetch()
        before = self.state
        secret = secrets.token_urlsafe(48)
        self.state = replace(before, descriptor=descriptor)
        answer = self.send_signed("installed", {"sharedSecret": secret, "accountId": account_id})
        if not answer.is_success:
            self.state = before
            raise InstallRefusedError(
                f"The app host returned HTTP response code {answer.status} when we tried to contact it during "
                "installation."
            )
        self.state = replace(before, descriptor=descriptor, shared_secret=secret, is_installed=True, is_enabled=True)
        self.send_notice("enabled")
        return answer

    def uninstall(self) -> list[HookAnswer]:
        """Remove the app. `disabled` and `uninstalled` leave in parallel and may arrive in either order."""
        with ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(self.send_notice, "disabled"), pool.submit(self.send_signed, "uninstalled", {})]
            answers = [future.result() for future in futures]
        self.state = replace(self.state, is_installed=False, is_enabled=False, shared_secret="")
        return answers

    def disable(self) -> HookAnswer:
        """Disable the app."""
        self.state = replace(self.state, is_enabled=False)
        return self.send_notice("disabled")

    def enable(self) -> HookAnswer:
        """Enable the app."""
        self.state = replace(self.state, is_enabled=True)
        return self.send_notice("enabled")

    def payload(self, event: str, extra: JsonObject) -> JsonObject:
        """Return the body of a hook. It lacks serverVersion, which Atlassian removed in 2020."""
        body = {
            "key": self.descriptor.key,
            "clientKey": self.state.client_key,
            "baseUrl": self.site_url,
            "displayUrl": self.site_url,
            "displayUrlServicedeskHelpCenter": self.site_url,
            "oauthClientId": f"oauth-{self.state.client_key}",
            "productType": "jira",
            "description": self.description,
            "eventType": event,
        }
        return body | {name: value for name, value in extra.items() if value is not None}

    @property
    def descriptor(self) -> Descriptor:
        """The descriptor of the installed app, or of the app under installation."""
        if self.state.descriptor is None:
            raise InstallRefusedError("No app is installed.")
        return self.state.descriptor

    def send_signed(self, event: str, extra: JsonObject) -> HookAnswer:
        """Send `installed` or `uninstalled`, signed with the site's key."""
        url = self.descriptor.lifecycle(event)
        if url is None:
            return HookAnswer(event, 204, "not declared")
        token = install_token(self.key, self.state.client_key, self.descriptor.address, url)
        return self._post(event, url, token, self.payload(event, extra))

    def send_notice(self, event: str) -> HookAnswer:
        """Send `enabled` or `disabled`, signed with the shared secret."""
        url = self.descriptor.lifecycle(event)
        if url is None or not self.state.shared_secret:
            return HookAnswer(event, 204, "not declared")
        token = server_token(self.state.shared_secret, self.state.client_key, self.descriptor.address, "POST", url)
        return self._post(event, url, token, self.payload(event, {}))

    def _post(self, event: str, url: str, token: str, body: JsonObject) -> HookAnswer:
        headers = {
            "Authorization": f"JWT {token}",
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": USER_AGENT,
        }
        try:
            answer = _session().post(
                url, data=orjson.dumps(body), headers=headers, timeout=TIMEOUT_S, allow_redirects=False
            )
            result = HookAnswer(event, answer.status_code, answer.text[:500])
        except requests.RequestException as failure:
            result = HookAnswer(event, 0, type(failure).__name__)
        self.history.append(result)
        return result


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # no proxy: the app runs on this machine
    return session
