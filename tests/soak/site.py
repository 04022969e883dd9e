"""A sandbox site in its own process: a shared interpreter would distort measurements."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from tests.story.processes import free_port, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PERSON = ("truth@site.example", "truth")
"""A person's API token, exempt from the app's scopes and limits."""


@dataclass
class SiteProcess:
    """The site's controls over HTTP; implements the part of a site that `RunningApp.pair` calls."""

    base_url: str
    command: list[str]
    log: Path
    app_port: int
    """Port at which the site expects the app."""
    session: requests.Session = field(default_factory=requests.Session)
    process: subprocess.Popen[bytes] | None = None

    @property
    def install_keys_url(self) -> str:
        return f"{self.base_url}/install-keys"

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.control("GET", "state")
        return state

    @property
    def client_key(self) -> str:
        return str(self.state["clientKey"])

    @property
    def admin(self) -> str:
        return str(self.state["admin"])

    @property
    def is_installed(self) -> bool:
        return bool(self.state["installed"])

    def install(self) -> None:
        self.control("POST", "install")

    def context_token(self, account_id: str) -> str:
        return str(self.control("POST", "context-token", json={"accountId": account_id})["token"])

    def control(self, method: str, path: str, **arguments: Any) -> Any:
        answer = self.session.request(method, f"{self.base_url}/sandbox/{path}", timeout=120, **arguments)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def options(self, **changes: Any) -> None:
        self.control("POST", "options", json=changes)

    def mutate(self, kind: str, **details: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.control("POST", "mutate", json={"kind": kind, **details})
        return answer

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=dict(os.environ), stdout=output, stderr=output, start_new_session=True
            )
        wait_for(self._answers, 120, lambda: self.log.read_text(errors="replace")[-3000:])

    def stop(self) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.session.close()

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.base_url}/sandbox/state", timeout=5).ok
        except requests.RequestException:
            return False


@contextlib.contextmanager
def site_process(folder: Path, *, issues: int, projects: int, seed: int, **options: Any) -> Iterator[SiteProcess]:
    """Run a seeded site that expects the app at `app_port`."""
    port, app_port = free_port(), free_port()
    command = [sys.executable, "-m", "sandbox", "--dataset", "seeded", "--issues", str(issues), "--seed", str(seed)]
    command += ["--projects", str(projects), "--port", str(port), "--key-file", str(folder / "site.key")]
    command += ["--app-url", f"http://127.0.0.1:{app_port}"]
    command += ["--options", json.dumps({"api_tokens": dict([PERSON]), **options})]
    site = SiteProcess(f"http://127.0.0.1:{port}", command, folder / "site.log", app_port)
    site.start()
    try:
        yield site
    finally:
        site.stop()
