"""Peers of the ingest: a bare loop that only downloads the same pages, and Singer's tap-jira."""

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
"""Streams of tap-jira that the product stores as well. Without transitions, tap-jira is faster."""
_HOME = Path(tempfile.gettempdir()) / TAP.replace("==", "-")
_LAUNCHER = """
import tap_jira
from tap_jira.http import Client
of = Client.url
Client.url = lambda self, path: of(self, path).replace("https://", "http://", 1)
tap_jira.main()
"""
"""Runs tap-jira over plain http, because the simulator has no TLS; this makes tap-jira faster."""


@dataclass(frozen=True)
class Speed:
    """The number of issues and the time of a peer."""

    issues: int
    seconds: float
    counters: dict[str, Any]
    is_whole: bool = True

    @property
    def rate(self) -> float:
        """Issues per second."""
        return self.issues / self.seconds if self.seconds else 0.0


def bare_loop(site: Simulator, targets: list[tuple[str, str]], thread_count: int) -> Speed:
    """Repeat the product's requests with `thread_count` in flight, without parsing, storing or waiting for page tokens."""
    queue = deque(target for _, target in targets)
    problems: list[Exception] = []

    def work() -> None:
        with requests.Session() as session:
            session.headers["Authorization"] = "JWT bench"
            while queue and not problems:
                with contextlib.suppress(IndexError):
                    target = queue.popleft()
                    try:
                        with session.get(site.url + target, stream=True, timeout=60) as answer:
                            answer.raise_for_status()
                            while answer.raw.read(1 << 18):
                                pass
                    except requests.RequestException as problem:
                        problems.append(problem)

    site.reset()
    threads = [threading.Thread(target=work) for _ in range(thread_count)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - start
    if problems:
        raise problems[0]
    counters = site.counters()
    return Speed(counters["issues_by_template"]["search/jql"], seconds, counters)


def tap_jira(site: Simulator, max_seconds: float) -> Speed:
    """Run a full sync of tap-jira without storing its output, timed from the first request to the last answer.

    After `max_seconds` it is stopped; its rate is then that of its issue pages alone, which is faster.
    """
    python = _install()
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
        discovery = subprocess.run([*command, "--discover"], check=True, capture_output=True, text=True)  # noqa: S603 - our own installation
        catalog_json = json.loads(discovery.stdout)
        for stream in catalog_json["streams"]:
            for entry in stream["metadata"]:
                entry["metadata"]["selected"] = stream["tap_stream_id"] in STREAMS
        catalog.write_text(json.dumps(catalog_json))
        site.reset()
        with log.open("wb") as output:
            tap = subprocess.Popen([*command, "--properties", str(catalog)], stdout=subprocess.DEVNULL, stderr=output)  # noqa: S603 - what we installed
            is_whole = True
            try:
                if tap.wait(max_seconds):
                    raise RuntimeError(log.read_text(errors="replace")[-3000:])
            except subprocess.TimeoutExpired:
                is_whole = False
                tap.kill()
                tap.wait()
    counters = site.counters()
    end = max(counters["last_at"].values()) if is_whole else counters["last_at"]["search/jql"]
    seconds = end - counters["first_at"]
    # Before the walk, tap-jira requests one issue by itself.
    return Speed(counters["issues_by_template"]["search/jql"] - 1, seconds, counters, is_whole)


def _install() -> str:
    """Install tap-jira into an environment of its own on first use. Returns its interpreter."""
    python = _HOME / "bin" / "python"
    if not (_HOME / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", str(_HOME)], check=True)  # noqa: S603 - our own interpreter
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", TAP], check=True)  # noqa: S603 - named above
        (_HOME / "complete").touch()
    return str(python)
