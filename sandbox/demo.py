"""`make demo`: the main job end to end against the real processes, with the figures of each step.

install → one-time password → pair → backfill → verified complete → a webhook → the change feed. Speaks HTTP only, as
Jira, a Jira admin and SEI do. Exits with 0 only if every figure equals the site's own.
"""

from __future__ import annotations

import argparse
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
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from sandbox import Site, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
STEP_TIMEOUT_S = 120
UNCOUNTED_ENTITIES = frozenset({"board_configuration", "board_issue"})
"""Stored entities that the site does not count."""
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


def main() -> int:
    """Run the demo. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="keep everything running until Ctrl-C")
    keep = parser.parse_args().keep
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    start = time.monotonic()
    try:
        _demo(start, keep=keep)
    except (DemoFailedError, requests.RequestException) as failure:
        console.print(f"[bold red]The demo failed:[/] {failure}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _demo(start: float, *, keep: bool) -> None:
    port = _free_port()
    app_url = f"http://127.0.0.1:{port}"
    key = f"sei_DemoDemo_{secrets.token_urlsafe(32)}"
    site = Site(app_url=app_url)
    with serve(site) as site_url:
        _say("Jira site", f"{site_url}, {site.counts()['issue']} issues ({site.dataset} data)")
        with _app(port, site, key) as log:
            api = Api(app_url, key)
            _wait("the app to be ready", lambda: _is_ready(app_url))
            _say("app", f"{app_url}: web, workers and clock on an embedded PostgreSQL and Valkey")
            integration = _pair(site, api)
            _backfill(api, integration)
            _compare(site, api, integration)
            _change(site, api, integration)
            console.print(f"[bold green]Done[/] in {time.monotonic() - start:.1f} s.")
            if keep:
                _keep(site, site_url, app_url, key, log)


def _pair(site: Site, api: Api) -> str:
    """Install the app and pair the site. Returns the integration's id."""
    answer = site.install()
    _say("installed", f"the site posted /connect/installed, signed with RS256; answer {answer.status}")
    draft = {"name": "Acme Jira", "product": "jira_cloud", "method": "connect_app"}
    integration = str(api.call("POST", "/integrations", json=draft).json()["id"])
    password = api.call("POST", f"/integrations/{integration}/otp").json()
    _say("OTP minted", f"{password['otp']}, good for {password['expires_in']} s, once")
    pairing = requests.post(
        f"{api.url}/jira/pairing",
        json={"otp": password["otp"]},
        headers={"Authorization": f"JWT {site.context_token(site.admin)}"},
        timeout=30,
    )
    _say("pasted", f"by Jira administrator {site.admin}; answer {pairing.status_code}")
    if not pairing.ok:
        raise DemoFailedError(pairing.text)
    _say("paired", f"the site with integration “{pairing.json()['integration']['name']}”")
    checks = api.call("POST", f"/integrations/{integration}/validate").json()
    if not checks["ok"]:
        raise DemoFailedError(json.dumps(checks))
    _say("validated", ", ".join(f"{check['name']} {'✓' if check['ok'] else '–'}" for check in checks["checks"]))
    return integration


def _backfill(api: Api, integration: str) -> None:
    """Show the backfill until the integration is verified complete."""
    columns = (
        TextColumn("[bold]backfill[/]    "),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("rows"),
        TimeElapsedColumn(),
    )
    deadline = time.monotonic() + STEP_TIMEOUT_S
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("backfill", total=None)
        while True:
            progress = api.call("GET", f"/integrations/{integration}/progress").json()
            entities = [entity for entity in progress["entities"] if entity["expected"] is not None]
            bar.update(
                task,
                completed=sum(entity["done"] for entity in entities),
                total=sum(entity["expected"] for entity in entities) or None,
            )
            if progress["state"] == "healthy" and progress["verified_at"]:
                break
            if progress["state"] == "needs attention" or time.monotonic() > deadline:
                raise DemoFailedError(f"backfill: {progress['state']}, {progress['state_reason']}")
            time.sleep(0.2)
    _say("verified complete", f"at {progress['verified_at']}")


def _compare(site: Site, api: Api, integration: str) -> None:
    """Compare the rows in the change feed with the site's own counts."""
    lines, _ = api.changes(integration)
    row_counts: dict[str, int] = {}
    for line in lines:
        row_counts[line["entity"]] = row_counts.get(line["entity"], 0) + (line["op"] == "upsert")
    counts = site.counts()
    table = Table("entity", "rows", "on the site", "", title="Rows against the site’s own counts", title_justify="left")
    for entity in sorted(counts):
        mark = "✓" if _agrees(entity, row_counts.get(entity, 0), counts[entity]) else "✗"
        table.add_row(entity, str(row_counts.get(entity, 0)), str(counts[entity]), mark)
    console.print(table)
    wrong = {entity for entity, count in counts.items() if not _agrees(entity, row_counts.get(entity, 0), count)}
    wrong |= set(row_counts) - set(counts) - UNCOUNTED_ENTITIES
    if wrong:
        raise DemoFailedError(f"rows differ: {sorted(wrong)}")


def _agrees(entity: str, row_count: int, count: int) -> bool:
    """Whether the counts agree. Users may be fewer: Connect apps see only those in work data."""
    return 0 < row_count <= count if entity == "user" else row_count == count


def _change(site: Site, api: Api, integration: str) -> None:
    """Change an issue in Jira and wait for it in the feed."""
    _, cursor = api.changes(integration)
    change = site.mutate("update_issue")
    start = time.monotonic()
    new_records: list[dict[str, Any]] = []

    def has_arrived() -> bool:
        new_records[:], _ = api.changes(integration, cursor)
        return any(line["entity"] == "issue" and line["id"] == change["issue_id"] for line in new_records)

    _wait("the change to arrive", has_arrived)
    duration_ms = (time.monotonic() - start) * 1000
    _say(
        "one webhook",
        f"{change['key']} changed in Jira; its new row was in the feed after {duration_ms:.0f} ms",
    )
    for line in new_records:
        text = json.dumps(line, ensure_ascii=False)
        _say("change feed", text if len(text) < 160 else f"{text[:160]}…")  # noqa: PLR2004 - two lines of a terminal


def _keep(site: Site, site_url: str, app_url: str, key: str, log: Path) -> None:
    console.print(f"\nJira site     {site_url}/  (administrator: {site_url}/?as={site.admin})")
    console.print(f"SEI console   {app_url}/console/sign-in")
    console.print(f"SEI API key   {key}")
    console.print(f"logs          {log}")
    console.print("Ctrl-C ends it.")
    signal.pause()


@contextlib.contextmanager
def _app(port: int, site: Site, key: str) -> Iterator[Path]:
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


def _is_ready(app_url: str) -> bool:
    try:
        return requests.get(f"{app_url}/readyz", timeout=2).ok
    except requests.RequestException:
        return False


def _wait(description: str, condition: Any) -> None:  # noqa: ANN401 - a callable without arguments
    deadline = time.monotonic() + STEP_TIMEOUT_S
    while not condition():
        if time.monotonic() > deadline:
            raise DemoFailedError(f"waited {STEP_TIMEOUT_S} s for {description}; see var/demo.log")
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _say(step: str, words: str) -> None:
    console.print(f"[bold]{step:<12}[/]  {words}", soft_wrap=True, markup=True)


if __name__ == "__main__":
    sys.exit(main())
