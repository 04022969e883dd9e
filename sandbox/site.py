"""One Jira Cloud site with one app: the object that tests, the demo and the web layer share."""

from __future__ import annotations

import threading
import time
from functools import partial
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

from sandbox import changes
from sandbox.connect.frame import frame_url
from sandbox.connect.install_key import SiteKey
from sandbox.connect.installation import HookAnswer, Lifecycle
from sandbox.connect.tokens import Address, context_token, install_token, page_token, server_token
from sandbox.datasets import open_dataset
from sandbox.gate.rate_limits import Limiter
from sandbox.gate.traffic import Traffic
from sandbox.journal import Journal
from sandbox.moments import now_ms
from sandbox.options import Options
from sandbox.search import Index, Search, View
from sandbox.shapes import ORIGIN, JiraError, JsonObject, NotNowError
from sandbox.storm import Storm, StormPlan
from sandbox.webhooks import Delivery, Webhooks
from sandbox.world import truth

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from sandbox.journal import State
    from sandbox.world import Issue

APP_USER = "557058:00000000-5a4d-4b0c-9a7e-sandbox00app"


class Site:
    """A whole site. `sandbox.serve` serves it; every method is safe to call meanwhile."""

    last_storm: Storm | None = None
    _down_until = 0.0

    def __init__(  # noqa: PLR0913 - keyword only, independent facts of a site
        self,
        *,
        dataset: str = "auto",
        seed: int = 1,
        issues: int = 300,
        projects: int = 6,
        recordings: Path | None = None,
        app_url: str | None = None,
        key: SiteKey | None = None,
        options: Options | None = None,
        clock: Callable[[], int] = now_ms,
        base_url: str = ORIGIN,
        state: Path | None = None,
        timezone: str | None = None,
    ) -> None:
        """Build the world from a dataset, or read it from the file `state`, which then records all changes.

        `clock` (epoch ms) dates changes and page tokens. Several sites may share `key`. `timezone` applies to times in
        answers and to dates in queries.
        """
        self.dataset = dataset
        self.journal = None if state is None else Journal(state)
        stored_state = self.journal.read() if self.journal else None
        build = partial(open_dataset, dataset, seed=seed, issues=issues, projects=projects, recordings=recordings)
        self.world = stored_state.world if stored_state else build()
        self.world.timezone = timezone or self.world.timezone
        self.key = key or SiteKey.generate()
        self.options = options or Options()
        self.clock = clock
        self.traffic = Traffic()
        self.limiter = Limiter(self.options, self.traffic)
        self.lifecycle = Lifecycle(self.key, app_url)
        self.webhooks = Webhooks(self.lifecycle, self.options, self.world.timezone, seed)
        self.index = Index(self.world, self.options, clock, seed)
        self.search = Search(self.world, self.search_view, clock, self.options)
        self.chance = Random(seed)  # noqa: S311 - reproducible, not secret
        self._change_lock = threading.Lock()
        self.base_url = base_url
        self._restore(stored_state)

    def _restore(self, stored_state: State | None) -> None:
        """Apply the stored state and record every change from now on."""
        self.webhooks.is_down = lambda: self.is_down
        journal, lifecycle = self.journal, self.lifecycle
        if journal is None:
            return
        if stored_state is not None:
            self.options.change(stored_state.options)
            lifecycle.app_url = stored_state.app_url or lifecycle.app_url
            lifecycle.state = stored_state.app or lifecycle.state
        journal.keep(self.world, lifecycle.state, lifecycle.app_url, self.options.as_json())
        lifecycle.watch = lambda state: journal.app_changed(state, lifecycle.app_url)

    def change_options(self, replacements: JsonObject) -> None:
        """Set options by name. Raises ValueError for an unknown one."""
        self.options.change(replacements)
        if self.journal is not None:
            self.journal.options_changed(self.options.as_json())

    # -- restarts ------------------------------------------------------------------------------------------

    def restart(self, down_s: float = 0.0) -> None:
        """Close connections without an answer for `down_s` seconds and invalidate all page tokens."""
        self._down_until = time.monotonic() + down_s
        self.search.tokens.forget()

    @property
    def is_down(self) -> bool:
        """Whether the site gives no answer now."""
        return time.monotonic() < self._down_until

    @property
    def base_url(self) -> str:
        """The site's own address, without a trailing slash."""
        return self.lifecycle.site_url

    @base_url.setter
    def base_url(self, url: str) -> None:
        self.lifecycle.site_url = url.rstrip("/")

    @property
    def base_path(self) -> str:
        """The path prefix of the site's address; query hashes of REST calls omit it."""
        return urlsplit(self.base_url).path

    @property
    def cloud_id(self) -> str:
        """Atlassian's id of the site."""
        return str(uuid5(NAMESPACE_URL, self.client_key))

    @property
    def install_keys_url(self) -> str:
        """The URL below which the site publishes its install key: `<url>/<kid>`."""
        return f"{self.base_url}/install-keys"

    def search_view(self, reconcile_ids: Collection[int] = (), closed: frozenset[str] = frozenset()) -> View:
        """Return the index with current records for `reconcile_ids`, without the projects `closed` to an account."""
        return self.index.view(reconcile_ids, closed)

    # -- the app -------------------------------------------------------------------------------------------

    @property
    def client_key(self) -> str:
        """The id of this site in the app; it survives re-installs."""
        return self.lifecycle.state.client_key

    @property
    def shared_secret(self) -> str:
        """The secret shared with the app; empty while the app is not installed."""
        return self.lifecycle.state.shared_secret

    @property
    def is_installed(self) -> bool:
        """Whether the app is installed."""
        return self.lifecycle.state.is_installed

    def install(self, account_id: str | None = None) -> HookAnswer:
        """Install the app. Raises InstallRefusedError where Jira would show an error."""
        return self.lifecycle.install(account_id)

    def reinstall(self) -> HookAnswer:
        """Install again with the same clientKey and a new secret."""
        return self.lifecycle.install()

    rotate_secret = reinstall

    def uninstall(self) -> list[HookAnswer]:
        """Remove the app."""
        return self.lifecycle.uninstall()

    def disable(self) -> HookAnswer:
        """Disable the app."""
        return self.lifecycle.disable()

    def enable(self) -> HookAnswer:
        """Enable the app."""
        return self.lifecycle.enable()

    # -- changes -------------------------------------------------------------------------------------------

    def mutate(self, kind: str = "random", **parameters: object) -> JsonObject:
        """Make one change (see `sandbox.changes.KINDS`), send its events and return both as JSON."""
        change = self._apply(kind, parameters)
        deliveries = [
            delivery
            for event in change.events
            for delivery in self.webhooks.send(event.name, event.body, event.issue, flow=event.flow)
        ]
        answers = [
            {"event": delivery.event, "url": delivery.url, "statuses": list(delivery.statuses)}
            for delivery in deliveries
        ]
        return {**change.as_json(), "deliveries": answers}

    def change(self, kind: str, **parameters: object) -> changes.Change:
        """Make one change and queue its events without waiting for a delivery."""
        change = self._apply(kind, parameters)
        for event in change.events:
            self.webhooks.send(event.name, event.body, event.issue, flow=event.flow, wait=False)
        return change

    def _apply(self, kind: str, parameters: JsonObject) -> changes.Change:
        with self._change_lock:
            return changes.apply(changes.Editor(self.world, self.chance, self.clock), {"kind": kind, **parameters})

    def storm(self, **parameters: object) -> Storm:
        """Start random changes (see `sandbox.storm.StormPlan`). Raises NotNowError while another storm runs."""
        if self.last_storm is not None and not self.last_storm.is_over:
            raise NotNowError("a storm is running already")
        try:
            self.last_storm = Storm(self.world, self.change, StormPlan(**parameters))  # type: ignore[arg-type]  # a caller's JSON
        except TypeError as error:
            raise JiraError(400, str(error)) from error
        return self.last_storm.start()

    def send_webhook(self, event: str, body: JsonObject, issue: Issue | None = None) -> list[Delivery]:
        """Send an arbitrary event to the app's matching webhooks."""
        return self.webhooks.send(event, body, issue)

    def truth(self, *, with_issues: bool = True) -> JsonObject:
        """Return the rows of a complete ingest."""
        return truth.report(self.world, with_issues=with_issues)

    def counts(self) -> dict[str, int]:
        """Return the number of objects of each entity."""
        return truth.counts(self.world)

    # -- people and tokens ---------------------------------------------------------------------------------

    def user(self, account_id: str) -> JsonObject | None:
        """Return the user of that account id, the app's own user included."""
        return self.app_user() if account_id == APP_USER else self.world.catalogue.users.get(account_id)

    def app_user(self) -> JsonObject:
        """Return the app's own user."""
        descriptor = self.lifecycle.state.descriptor
        name = descriptor.json.get("name", descriptor.key) if descriptor else "App"
        profile = {
            "self": f"{ORIGIN}/rest/api/2/user?accountId={APP_USER}",
            "accountId": APP_USER,
            "accountType": "app",
        }
        return {
            **profile,
            "displayName": name,
            "active": True,
            "timeZone": self.world.timezone,
            "locale": "en_US",
            "avatarUrls": {},
        }

    def is_admin(self, account_id: str) -> bool:
        """Whether the user administers Jira. The app's user never does."""
        return account_id in self.world.catalogue.administrators

    @property
    def admin(self) -> str:
        """An administrator's account id."""
        return min(self.world.catalogue.administrators)

    @property
    def non_admin(self) -> str:
        """The account id of an active person without administrator rights."""
        users = self.world.catalogue.users.items()
        people = (key for key, user in users if user["active"] and user["accountType"] != "app")
        return next(key for key in people if not self.is_admin(key))

    @property
    def _app(self) -> Address:
        return self.lifecycle.descriptor.address

    def page_token(self, path_and_query: str, account_id: str | None, **replacements: object) -> str:
        """Sign the load of an app page. Keyword arguments replace claims; None removes one."""
        return page_token(
            self.shared_secret, self.client_key, self._app, self._app.url(path_and_query), account_id, **replacements
        )

    def context_token(self, account_id: str | None, **replacements: object) -> str:
        """Return the token that `AP.context.getToken` gives to a page."""
        return context_token(self.shared_secret, self.client_key, account_id, **replacements)

    def lifecycle_token(self, path_and_query: str, **replacements: object) -> str:
        """Sign an `installed` or `uninstalled` hook (RS256)."""
        return install_token(self.key, self.client_key, self._app, self._app.url(path_and_query), **replacements)

    def webhook_token(self, path_and_query: str, method: str = "POST", **replacements: object) -> str:
        """Sign a webhook, `enabled` or `disabled` (HS256)."""
        return server_token(
            self.shared_secret, self.client_key, self._app, method, self._app.url(path_and_query), **replacements
        )

    def frame_url(self, module_key: str, account_id: str | None) -> str | None:
        """Return the URL, token included, of a page in Jira's frame; None for an unknown module."""
        return frame_url(self.lifecycle.state, self.base_url, module_key, account_id)
