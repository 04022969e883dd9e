"""What the ingest is held against: a bare loop that only downloads the same pages, and Singer's tap-jira."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from bench.simulator import Simulator

TAP = "tap-jira==2.6.0"
STREAMS = ("projects", "versions", "components", "resolutions", "issues", "issue_comments", "changelogs", "worklogs")
"""What it has of what we store. Transitions are left out: we do not store them, and it is faster without."""
_HOME = Path(tempfile.gettempdir()) / TAP.replace("==", "-")
_LAUNCHER = """
import tap_jira
from tap_jira.http import Client
of = Client.url
Client.url = lambda self, path: of(self, path).replace("https://", "http://", 1)
tap_jira.main()
"""
"""tap-jira as it is installed; it insists on https, which the simulator does not speak. Plain http spares it the TLS."""


@dataclass(frozen=True)
class Speed:
    """Issues in a time."""

    issues: int
    seconds: float
    counters: dict[str, Any]
    is_whole: bool = True

    @property
    def rate(self) -> float:
        """Issues a second."""
        return self.issues / self.seconds if self.seconds else 0.0


def bare_loop(site: Simulator, targets: list[tuple[str, str]], threads: int) -> Speed:
    """Download what the product downloaded, with as many requests in flight: no parsing, no storing, no waiting for tokens."""
    waiting = deque(target for _, target in targets)
    problems: list[Exception] = []

    def work() -> None:
        with requests.Session() as session:
            session.headers["Authorization"] = "JWT bench"
            while waiting and not problems:
                with contextlib.suppress(IndexError):
                    target = waiting.popleft()
                    try:
                        with session.get(site.url + target, stream=True, timeout=60) as answer:
                            answer.raise_for_status()
                            while answer.raw.read(1 << 18):
                                pass
                    except requests.RequestException as problem:
                        problems.append(problem)

    site.reset()
    threads = [threading.Thread(target=work) for _ in range(threads)]
    start = time.monotonic()
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    seconds = time.monotonic() - start
    if problems:
        raise problems[0]
    counters = site.counters()
    return Speed(counters["issues_by_template"]["search/jql"], seconds, counters)


def tap_jira(site: Simulator, most_seconds: float) -> Speed:
    """Run tap-jira from nothing; its output is thrown away. Its time is from its first request to the last answer.

    Where it is stopped before its end, its pace is that of its issue pages alone, which is faster.
    """
    python = _installed()
    with tempfile.TemporaryDirectory() as folder:
        config, catalog, log = (Path(folder) / name for name in ("config.json", "catalog.json", "log"))
        config.write_text(
            json.dumps(
                {
                    "start_date": "2000-01-01T00:00:00Z",
                    "username": "bench@example.com",
                    "password": "not a secret",
                    "base_url": site.url,
                    "user_agent": "bench",
                }
            )
        )
        command = [python, "-c", _LAUNCHER, "--config", str(config)]
        found = json.loads(subprocess.run([*command, "--discover"], check=True, capture_output=True, text=True).stdout)  # noqa: S603 - what we installed
        for stream in found["streams"]:
            for entry in stream["metadata"]:
                entry["metadata"]["selected"] = stream["tap_stream_id"] in STREAMS
        catalog.write_text(json.dumps(found))
        site.reset()
        with log.open("wb") as output:
            tap = subprocess.Popen([*command, "--properties", str(catalog)], stdout=subprocess.DEVNULL, stderr=output)  # noqa: S603 - what we installed
            is_whole = True
            try:
                if tap.wait(most_seconds):
                    raise RuntimeError(log.read_text(errors="replace")[-3000:])
            except subprocess.TimeoutExpired:
                is_whole = False
                tap.kill()
                tap.wait()
    counters = site.counters()
    ended = max(counters["last_at"].values()) if is_whole else counters["last_at"]["search/jql"]
    seconds = ended - counters["first_at"]
    # One issue is served to a question of its own, before the walk.
    return Speed(counters["issues_by_template"]["search/jql"] - 1, seconds, counters, is_whole)


def _installed() -> str:
    """tap-jira in an environment of its own, made at first use. Returns its interpreter."""
    python = _HOME / "bin" / "python"
    if not (_HOME / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", str(_HOME)], check=True)  # noqa: S603 - our own interpreter
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", TAP], check=True)  # noqa: S603 - named above
        (_HOME / "complete").touch()
    return str(python)
