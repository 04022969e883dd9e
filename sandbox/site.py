"""One Jira Cloud site with one app on it: the handle that tests, the demo and the web layer share."""

from __future__ import annotations

import threading
import time
from functools import partial
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

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
from sandbox.search import Search, View
from sandbox.search.index import Index
from sandbox.shapes import ORIGIN, JiraError, JsonObject, NotNowError
from sandbox.storm import Storm, Wanted
from sandbox.webhooks import Delivery, Webhooks
from sandbox.world import truth

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from sandbox.journal import State
    from sandbox.world import Issue

APP_USER = "557058:00000000-5a4d-4b0c-9a7e-sandbox00app"


class Site:
    """A whole site. Serve it with `sandbox.serve`; every method is safe to call while it is being served."""

    last_storm: Storm | None = None
    _down_until = 0.0

    def __init__(  # noqa: PLR0913 - keyword only, each a fact of the site
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
        """Build the truth, or read it from `state`, a file that then keeps it.

        `clock` (epoch ms) dates changes and page tokens, `key` may be shared by several sites, times are written and
        the dates of queries read in `timezone`.
        """
        self.dataset = dataset
        self.journal = None if state is None else Journal(state)
        left = self.journal.read() if self.journal else None
        made = partial(open_dataset, dataset, seed=seed, issues=issues, projects=projects, recordings=recordings)
        self.world = left.world if left else made()
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
        self._keep(left)

    def _keep(self, left: State | None) -> None:
        """Take up what was left, and write down whatever changes."""
        self.webhooks.is_down = lambda: self.is_down
        journal, lifecycle = self.journal, self.lifecycle
        if journal is None:
            return
        if left is not None:
            self.options.change(left.options)
            lifecycle.app_url = left.app_url or lifecycle.app_url
            lifecycle.state = left.app or lifecycle.state
        journal.keep(self.world, lifecycle.state, lifecycle.app_url, self.options.kept())
        lifecycle.watch = lambda state: journal.app_changed(state, lifecycle.app_url)

    def change_options(self, changes_: JsonObject) -> None:
        """Turn switches by name; an unknown one is a ValueError."""
        self.options.change(changes_)
        if self.journal is not None:
            self.journal.options_changed(self.options.kept())

    # -- restarts ------------------------------------------------------------------------------------------

    def restart(self, down_s: float = 0.0) -> None:
        """Be away for so long, connections closed without an answer; come back without any page token."""
        self._down_until = time.monotonic() + down_s
        self.search.tokens.forget()

    @property
    def is_down(self) -> bool:
        """Whether nobody is answered now."""
        return time.monotonic() < self._down_until

    @property
    def base_url(self) -> str:
        """The site's own address, without a slash at the end."""
        return self.lifecycle.site_url

    @base_url.setter
    def base_url(self, url: str) -> None:
        self.lifecycle.site_url = url.rstrip("/")

    @property
    def base_path(self) -> str:
        """The path prefix of the site's address, which hashes of REST calls leave out."""
        return urlsplit(self.base_url).path

    @property
    def install_keys_url(self) -> str:
        """Where the site publishes its install key: `<url>/<kid>`."""
        return f"{self.base_url}/install-keys"

    def search_view(self, reconciled: Collection[int] = ()) -> View:
        """Return what searches see: the index, past which `reconcileIssues` sees the issues that it names."""
        return self.index.view(reconciled)

    # -- the app -------------------------------------------------------------------------------------------

    @property
    def client_key(self) -> str:
        """The tenant's id in the app's eyes; it survives re-installs."""
        return self.lifecycle.state.client_key

    @property
    def shared_secret(self) -> str:
        """The secret shared with the app; empty while it is not installed."""
        return self.lifecycle.state.shared_secret

    @property
    def is_installed(self) -> bool:
        """Whether the app is on the site."""
        return self.lifecycle.state.installed

    def install(self, account_id: str | None = None) -> HookAnswer:
        """Install the app; raises InstallRefusedError where Jira would show an error."""
        return self.lifecycle.install(account_id)

    def reinstall(self) -> HookAnswer:
        """Install again: same clientKey, new secret."""
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

    # -- what happens on the site --------------------------------------------------------------------------

    def mutate(self, kind: str = "random", **asked: object) -> JsonObject:
        """Make one change (see `sandbox.changes.KINDS`) and send its events; return what changed."""
        change = self._apply(kind, asked)
        deliveries = [
            delivery
            for event in change.events
            for delivery in self.webhooks.send(event.name, event.body, event.issue, flow=event.flow)
        ]
        shown = [{"event": each.event, "url": each.url, "statuses": list(each.statuses)} for each in deliveries]
        return {**change.shown(), "deliveries": shown}

    def change(self, kind: str, **asked: object) -> changes.Change:
        """Make one change and hand its events to the network, without waiting for any of them."""
        change = self._apply(kind, asked)
        for event in change.events:
            self.webhooks.send(event.name, event.body, event.issue, flow=event.flow, wait=False)
        return change

    def _apply(self, kind: str, asked: JsonObject) -> changes.Change:
        with self._change_lock:
            return changes.apply(changes.Desk(self.world, self.chance, self.clock), {"kind": kind, **asked})

    def storm(self, **wanted: object) -> Storm:
        """Begin to change by itself (see `sandbox.storm.Wanted`); one storm at a time."""
        if self.last_storm is not None and not self.last_storm.is_over:
            raise NotNowError("a storm is on already")
        try:
            self.last_storm = Storm(self.world, self.change, Wanted(**wanted))  # type: ignore[arg-type]  # a caller's JSON
        except TypeError as unknown:
            raise JiraError(400, str(unknown)) from unknown
        return self.last_storm.start()

    def send_webhook(self, event: str, body: JsonObject, issue: Issue | None = None) -> list[Delivery]:
        """Send any event to the app's matching webhooks."""
        return self.webhooks.send(event, body, issue)

    def truth(self, *, with_issues: bool = True) -> JsonObject:
        """Return what a complete ingest must hold."""
        return truth.whole(self.world, with_issues=with_issues)

    def counts(self) -> dict[str, int]:
        """Return how many of each entity there are."""
        return truth.counts(self.world)

    # -- people and tokens ---------------------------------------------------------------------------------

    def user(self, account_id: str) -> JsonObject | None:
        """Return a user; the app's own user counts."""
        return self.app_user() if account_id == APP_USER else self.world.catalogue.users.get(account_id)

    def app_user(self) -> JsonObject:
        """Return the user that the app acts as."""
        descriptor = self.lifecycle.state.descriptor
        name = descriptor.json.get("name", descriptor.key) if descriptor else "App"
        shown = {"self": f"{ORIGIN}/rest/api/2/user?accountId={APP_USER}", "accountId": APP_USER, "accountType": "app"}
        return {
            **shown,
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
        """The account id of an active person who is no administrator."""
        users = self.world.catalogue.users.items()
        people = (key for key, each in users if each["active"] and each["accountType"] != "app")
        return next(key for key in people if not self.is_admin(key))

    @property
    def _app(self) -> Address:
        return self.lifecycle.descriptor.address

    def page_token(self, path_and_query: str, account_id: str | None, **changes_: object) -> str:
        """Sign the load of a page of the app; keyword arguments replace claims (None removes)."""
        return page_token(
            self.shared_secret, self.client_key, self._app, self._app.url(path_and_query), account_id, **changes_
        )

    def context_token(self, account_id: str | None, **changes_: object) -> str:
        """Return what `AP.context.getToken` would."""
        return context_token(self.shared_secret, self.client_key, account_id, **changes_)

    def lifecycle_token(self, path_and_query: str, **changes_: object) -> str:
        """Sign an `installed` or `uninstalled` hook (RS256)."""
        return install_token(self.key, self.client_key, self._app, self._app.url(path_and_query), **changes_)

    def webhook_token(self, path_and_query: str, method: str = "POST", **changes_: object) -> str:
        """Sign a webhook, `enabled` or `disabled` (HS256)."""
        return server_token(
            self.shared_secret, self.client_key, self._app, method, self._app.url(path_and_query), **changes_
        )

    def frame_url(self, module_key: str, account_id: str | None) -> str | None:
        """Return the URL with token that Jira would load into the frame; None where there is no such page."""
        return frame_url(self.lifecycle.state, self.base_url, module_key, account_id)
