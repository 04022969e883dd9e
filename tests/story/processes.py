"""The product as operators run it: web, workers and clock as separate processes on real servers."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from redis import Redis

from app.integrations import accounts
from app.store.migrations import runner
from app.store.session import Store
from tests.conftest import KEY
from tests.story import fork_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox import Site

ROOT = Path(__file__).parents[2]
API_KEY = "sei_StoryKey_0123456789abcdefghijklmnopqrstuvwxyz01"
PATIENCE = 90
SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 0.3
_ROLES = {"web": ["app", "web"], "worker": ["workers"], "clock": ["workers", "clock"]}


@dataclass
class RunningApp:
    """The app's processes by role; each may be killed and started again."""

    port: int
    env: dict[str, str]
    log: Path
    is_forked: bool = True
    """Whether its processes are forks of one that has imported the product, which start in no time."""
    processes: dict[str, subprocess.Popen[bytes] | fork_server.Fork] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.env["BASE_URL"]

    def start(self, *roles: str) -> None:
        for role in roles:
            if self.is_forked:
                self.processes[role] = fork_server.start(*_ROLES[role], env=self.env, output=self.log)
                continue
            with self.log.open("ab") as output:
                self.processes[role] = subprocess.Popen(
                    [sys.executable, "-m", *_ROLES[role]],
                    cwd=ROOT,
                    env=self.env,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )

    def kill(self, role: str) -> None:
        """Send SIGKILL to the process and its children."""
        process = self.processes.pop(role)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._store.engine.dispose()

    def an_account(self, name: str) -> str:
        """Create another SEI account. Returns its API key."""
        with self._store.unrestricted_unsafe() as session:
            return accounts.create(session, name)

    def prepare(self) -> None:
        """Do the work of `python -m app release` in this process, which has the modules already."""
        runner.upgrade(self.env["DATABASE_URL"])
        with self._store.unrestricted_unsafe() as session:
            accounts.ensure(session, self.env["BOOTSTRAP_ACCOUNT"], self.env["BOOTSTRAP_API_KEY"])

    @cached_property
    def _store(self) -> Store:
        """The app's database: one for all accounts, since a new one compiles every statement again."""
        return Store(self.env["DATABASE_URL"], Redis.from_url(self.env["REDIS_URL"]))

    def api(self, method: str, path: str, *, key: str = API_KEY, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {key}"}
        return requests.request(method, f"{self.url}/api/v1{path}", headers=headers, timeout=30, **options)

    def an_integration(self, name: str = "Acme Jira", *, key: str = API_KEY, **fields: Any) -> str:
        draft = {"name": name, "product": "jira_cloud", "method": "connect_app", **fields}
        return str(self.api("POST", "/integrations", key=key, json=draft).json()["id"])

    def an_otp(self, integration: str, *, key: str = API_KEY) -> str:
        return str(self.api("POST", f"/integrations/{integration}/otp", key=key).json()["otp"])

    def paste(self, site: Site, otp: str, *, by: str | None = None, **fields: Any) -> requests.Response:
        """Paste a one-time password like the page's script does."""
        token = site.context_token(by or site.admin)
        return requests.post(
            f"{self.url}/jira/pairing",
            json={"otp": otp, **fields},
            headers={"Authorization": f"JWT {token}"},
            timeout=30,
        )

    def pair(self, site: Site, name: str = "Acme Jira", *, key: str = API_KEY, **fields: Any) -> str:
        """Install and pair. Returns the integration's id."""
        if not site.is_installed:
            site.install()
        integration = self.an_integration(name, key=key, **fields)
        answer = self.paste(site, self.an_otp(integration, key=key))
        assert answer.status_code == 200, answer.text
        return integration

    def progress(self, integration: str, *, key: str = API_KEY) -> dict[str, Any]:
        answer = self.api("GET", f"/integrations/{integration}/progress", key=key)
        assert answer.status_code == 200, f"{answer.text}\n{self.tail()}"
        progress: dict[str, Any] = answer.json()
        return progress

    def wait_until_verified(
        self, integration: str, patience: float = PATIENCE, *, key: str = API_KEY
    ) -> dict[str, Any]:
        def is_verified() -> bool:
            progress = self.progress(integration, key=key)
            return progress["state"] == "healthy" and bool(progress["verified_at"])

        wait_for(is_verified, patience, lambda: f"{self.progress(integration, key=key)}\n{self.tail()}")
        return self.progress(integration, key=key)

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-6000:]


def wait_for(condition: Callable[[], bool], patience: float = PATIENCE, explain: Callable[[], str] = str) -> None:
    """Ask again and again, less often with time: each question costs the product more than it costs the test."""
    deadline, pause = time.monotonic() + patience, SHORTEST_PAUSE
    while not condition():
        assert time.monotonic() < deadline, explain()
        time.sleep(pause)
        pause = min(1.3 * pause, LONGEST_PAUSE)


@contextlib.contextmanager
def running_app(
    *,
    database_url: str,
    redis_url: str,
    install_keys_url: str,
    log: Path,
    roles: tuple[str, ...] = ("web", "worker", "clock"),
    base_path: str = "",
    site_hosts: str = "http://127.0.0.1:*",
    port: int | None = None,
    extra_env: dict[str, str] | None = None,
    is_forked: bool = True,
) -> Iterator[RunningApp]:
    port = port or free_port()
    env = {
        **os.environ,
        "ENVIRONMENT": "development",
        "BASE_URL": f"http://127.0.0.1:{port}{base_path}",
        "PORT": str(port),
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEYS": KEY,
        "SITE_HOSTS": site_hosts,
        "INSTALL_KEYS_URL": install_keys_url,
        "BOOTSTRAP_ACCOUNT": "story",
        "BOOTSTRAP_API_KEY": API_KEY,
        "NO_PROXY": "127.0.0.1",
        **(extra_env or {}),
    }
    app = RunningApp(port, env, log, is_forked)
    app.prepare()
    app.start(*roles)
    try:
        if "web" in roles:
            wait_for(lambda: is_ready(app.url), 60, app.tail)
        yield app
    finally:
        app.stop()


def is_ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/readyz", timeout=2).ok
    except requests.RequestException:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
