"""The product as the demo runs and calls it: its processes, SEI's API, and the demo's own lines."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from rich.console import Console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.site import Site

ROOT = Path(__file__).parents[2]
STEP_TIMEOUT_S = 300
console = Console(highlight=False)


class DemoFailedError(Exception):
    """A step failed."""


@dataclass
class Api:
    """SEI's side, with its API key."""

    url: str
    key: str

    def call(self, method: str, path: str, **options: Any) -> requests.Response:  # noqa: ANN401 - options of requests
        """Call the API. Raises DemoFailedError for every refusal."""
        answer = requests.request(
            method, f"{self.url}/api/v1{path}", headers={"Authorization": f"Bearer {self.key}"}, timeout=30, **options
        )
        if not answer.ok:
            raise DemoFailedError(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer

    def changes(self, integration: str, cursor: str | None = None) -> tuple[list[dict[str, Any]], str]:
        """Return all changes after a cursor, and the next cursor."""
        lines: list[dict[str, Any]] = []
        while True:
            parameters = {"limit": "5000", **({"cursor": cursor} if cursor else {})}
            text = self.call("GET", f"/integrations/{integration}/changes", params=parameters).text
            records = [json.loads(line) for line in text.splitlines()]
            lines += records[:-1]
            cursor = str(records[-1]["next_cursor"])
            if not records[-1]["has_more"]:
                return lines, cursor


@contextlib.contextmanager
def running_app(port: int, site: Site, key: str) -> Iterator[Path]:
    """Run the app's processes, as `make run` does, with a data directory of their own."""
    (ROOT / "var").mkdir(exist_ok=True)
    data = Path(tempfile.mkdtemp(prefix="demo-", dir=ROOT / "var"))
    log = ROOT / "var" / "demo.log"
    env = {
        **os.environ,
        "ENVIRONMENT": "development",
        "BASE_URL": f"http://127.0.0.1:{port}",
        "PORT": str(port),
        "SITE_HOSTS": "http://127.0.0.1:*",
        "INSTALL_KEYS_URL": site.install_keys_url,
        "SECRET_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
        "BOOTSTRAP_ACCOUNT": "demo",
        "BOOTSTRAP_API_KEY": key,
        "DATA_DIR": str(data),
        "NO_PROXY": "127.0.0.1",
    }
    env.pop("DATABASE_URL", None)
    env.pop("REDIS_URL", None)
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "run"],
            cwd=ROOT,
            env=env,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield log
        if process.poll() is not None:
            raise DemoFailedError(f"the app ended with {process.returncode}; see {log}")
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            shutil.rmtree(data, ignore_errors=True)


def is_ready(app_url: str) -> bool:
    """Whether web answers and reaches its servers."""
    try:
        return requests.get(f"{app_url}/readyz", timeout=2).ok
    except requests.RequestException:
        return False


def wait_for(description: str, condition: Callable[[], bool], *, pause_s: float = 0.05) -> None:
    """Wait for a condition. Raises DemoFailedError after `STEP_TIMEOUT_S`."""
    deadline = time.monotonic() + STEP_TIMEOUT_S
    while not condition():
        if time.monotonic() > deadline:
            raise DemoFailedError(f"waited {STEP_TIMEOUT_S} s for {description}; see var/demo.log")
        time.sleep(pause_s)


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def say(step: str, words: str) -> None:
    """Print one line of the demo."""
    console.print(f"[bold]{step:<12}[/]  {words}", soft_wrap=True, markup=True)
