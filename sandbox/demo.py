"""`make demo`: the main job end to end, against the real processes, each step with its figures.

install → one-time password → pair → backfill → verified complete → a webhook → the change feed. Speaks HTTP only, as
Jira, a Jira admin and SEI would; exits 0 only if every figure is what the site itself says.
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
PATIENCE = 120
"""Seconds that any one step may take."""
NOT_COUNTED = frozenset({"board_configuration", "board_issue"})
"""What we store besides what the site counts by itself."""
console = Console(highlight=False)


class DemoFailedError(Exception):
    """A step did not end as it must."""


@dataclass
class Api:
    """SEI's side, with its API key."""

    url: str
    key: str

    def call(self, method: str, path: str, **given: Any) -> requests.Response:  # noqa: ANN401 - handed to requests
        """One call; every refusal ends the demo."""
        answer = requests.request(
            method, f"{self.url}/api/v1{path}", headers={"Authorization": f"Bearer {self.key}"}, timeout=30, **given
        )
        if not answer.ok:
            raise DemoFailedError(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer

    def changes(self, integration: str, cursor: str | None = None) -> tuple[list[dict[str, Any]], str]:
        """All changes after a cursor, and the next cursor."""
        lines: list[dict[str, Any]] = []
        while True:
            asked = {"limit": "5000", **({"cursor": cursor} if cursor else {})}
            text = self.call("GET", f"/integrations/{integration}/changes", params=asked).text
            found = [json.loads(line) for line in text.splitlines()]
            lines += found[:-1]
            cursor = str(found[-1]["next_cursor"])
            if not found[-1]["has_more"]:
                return lines, cursor


def main() -> int:
    """Run the demo. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave everything up until Ctrl-C")
    keep = parser.parse_args().keep
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    try:
        _demo(began, keep=keep)
    except (DemoFailedError, requests.RequestException) as failure:
        console.print(f"[bold red]The demo failed:[/] {failure}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _demo(began: float, *, keep: bool) -> None:
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
            console.print(f"[bold green]Done[/] in {time.monotonic() - began:.1f} s.")
            if keep:
                _keep(site, site_url, app_url, key, log)


def _pair(site: Site, api: Api) -> str:
    """Install, mint, paste. Returns the integration's id."""
    answer = site.install()
    _say("installed", f"the site posted /connect/installed, signed with RS256; answer {answer.status}")
    draft = {"name": "Acme Jira", "product": "jira_cloud", "method": "connect_app"}
    integration = str(api.call("POST", "/integrations", json=draft).json()["id"])
    minted = api.call("POST", f"/integrations/{integration}/otp").json()
    _say("OTP minted", f"{minted['otp']}, good for {minted['expires_in']} s, once")
    pasted = requests.post(
        f"{api.url}/jira/pairing",
        json={"otp": minted["otp"]},
        headers={"Authorization": f"JWT {site.context_token(site.admin)}"},
        timeout=30,
    )
    _say("pasted", f"by Jira administrator {site.admin}; answer {pasted.status_code}")
    if not pasted.ok:
        raise DemoFailedError(pasted.text)
    _say("paired", f"the site with integration “{pasted.json()['integration']['name']}”")
    checks = api.call("POST", f"/integrations/{integration}/validate").json()
    if not checks["ok"]:
        raise DemoFailedError(json.dumps(checks))
    _say("validated", ", ".join(f"{each['name']} {'✓' if each['ok'] else '–'}" for each in checks["checks"]))
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
    deadline = time.monotonic() + PATIENCE
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("backfill", total=None)
        while True:
            found = api.call("GET", f"/integrations/{integration}/progress").json()
            counted = [each for each in found["entities"] if each["expected"] is not None]
            bar.update(
                task,
                completed=sum(each["done"] for each in counted),
                total=sum(each["expected"] for each in counted) or None,
            )
            if found["state"] == "healthy" and found["verified_at"]:
                break
            if found["state"] == "needs attention" or time.monotonic() > deadline:
                raise DemoFailedError(f"backfill: {found['state']}, {found['state_reason']}")
            time.sleep(0.2)
    _say("verified complete", f"at {found['verified_at']}")


def _compare(site: Site, api: Api, integration: str) -> None:
    """Compare the rows in the change feed with the site's own counts."""
    lines, _ = api.changes(integration)
    stored: dict[str, int] = {}
    for line in lines:
        stored[line["entity"]] = stored.get(line["entity"], 0) + (line["op"] == "upsert")
    counts = site.counts()
    table = Table("entity", "rows", "on the site", "", title="Rows against the site’s own counts", title_justify="left")
    for entity in sorted(counts):
        mark = "✓" if _agrees(entity, stored.get(entity, 0), counts[entity]) else "✗"
        table.add_row(entity, str(stored.get(entity, 0)), str(counts[entity]), mark)
    console.print(table)
    wrong = {entity for entity, count in counts.items() if not _agrees(entity, stored.get(entity, 0), count)}
    wrong |= set(stored) - set(counts) - NOT_COUNTED
    if wrong:
        raise DemoFailedError(f"rows differ: {sorted(wrong)}")


def _agrees(entity: str, stored: int, count: int) -> bool:
    """Equal; of users only those that the work data names, since Connect apps may not list the others."""
    return 0 < stored <= count if entity == "user" else stored == count


def _change(site: Site, api: Api, integration: str) -> None:
    """Change an issue in Jira and see it in the feed."""
    _, cursor = api.changes(integration)
    made = site.mutate("update_issue")
    began = time.monotonic()
    found: list[dict[str, Any]] = []

    def has_arrived() -> bool:
        found[:], _ = api.changes(integration, cursor)
        return any(line["entity"] == "issue" and line["id"] == made["issue_id"] for line in found)

    _wait("the change to arrive", has_arrived)
    took = (time.monotonic() - began) * 1000
    _say("one webhook", f"{made['key']} changed in Jira; its row was read again and in the feed after {took:.0f} ms")
    for line in found:
        shown = json.dumps(line, ensure_ascii=False)
        _say("change feed", shown if len(shown) < 160 else f"{shown[:160]}…")  # noqa: PLR2004 - what fits a line or two


def _keep(site: Site, site_url: str, app_url: str, key: str, log: Path) -> None:
    console.print(f"\nJira site     {site_url}/  (administrator: {site_url}/?as={site.admin})")
    console.print(f"SEI console   {app_url}/console/sign-in")
    console.print(f"SEI API key   {key}")
    console.print(f"logs          {log}")
    console.print("Ctrl-C ends it.")
    signal.pause()


@contextlib.contextmanager
def _app(port: int, site: Site, key: str) -> Iterator[Path]:
    """The app's own processes, as `make run` starts them, on data of their own."""
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


def _wait(what: str, condition: Any) -> None:  # noqa: ANN401 - any test without arguments
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise DemoFailedError(f"waited {PATIENCE} s for {what}; see var/demo.log")
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _say(step: str, words: str) -> None:
    console.print(f"[bold]{step:<12}[/]  {words}", soft_wrap=True, markup=True)


if __name__ == "__main__":
    sys.exit(main())
