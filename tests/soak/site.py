"""A sandbox site in a process of its own, so that what is measured does not share an interpreter with what measures."""

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
"""A person with an API token, who reads the site past the app's scopes and limits."""


@dataclass
class SiteProcess:
    """The site's controls, over HTTP; has what `RunningApp.pair` needs of a site."""

    base_url: str
    command: list[str]
    log: Path
    app_port: int
    """Where the site looks for the app."""
    session: requests.Session = field(default_factory=requests.Session)
    process: subprocess.Popen[bytes] | None = None

    @property
    def install_keys_url(self) -> str:
        return f"{self.base_url}/install-keys"

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.control("GET", "state")
        return found

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

    def control(self, method: str, path: str, **given: Any) -> Any:
        answer = self.session.request(method, f"{self.base_url}/sandbox/{path}", timeout=120, **given)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def options(self, **changes: Any) -> None:
        self.control("POST", "options", json=changes)

    def mutate(self, kind: str, **asked: Any) -> dict[str, Any]:
        made: dict[str, Any] = self.control("POST", "mutate", json={"kind": kind, **asked})
        return made

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
    """A seeded site that looks for the app at `app_port`."""
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
