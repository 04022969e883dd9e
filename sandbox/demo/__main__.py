"""`make demo`: the main job end to end against the real processes, with the figures of each step.

install → one-time password → pair → backfill → verified complete → a webhook → the change feed. Speaks HTTP only, as
Jira, a Jira admin and SEI do. Exits with 0 only if every figure equals the site's own. The difficult site is read with
its oddities first, and again as they heal.
"""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
import time
from typing import TYPE_CHECKING

import requests

from sandbox import Site, serve
from sandbox.damage import total_of
from sandbox.demo import healing, journey
from sandbox.demo.product import (
    Api,
    DemoFailedError,
    console,
    free_port,
    is_ready,
    running_app,
    say,
    wait_for,
)
from sandbox.difficult import difficult_site

if TYPE_CHECKING:
    from pathlib import Path


def main() -> int:
    """Run the demo. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="keep everything running until Ctrl-C")
    parser.add_argument("--site", choices=("usual", "difficult"), default="usual", help="difficult: full of oddities")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    start = time.monotonic()
    try:
        _demo(start, is_difficult=options.site == "difficult", keep=options.keep)
    except (DemoFailedError, requests.RequestException) as failure:
        console.print(f"[bold red]The demo failed:[/] {failure}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _demo(start: float, *, is_difficult: bool, keep: bool) -> None:
    port = free_port()
    app_url = f"http://127.0.0.1:{port}"
    key = f"sei_DemoDemo_{secrets.token_urlsafe(32)}"
    site, damages = difficult_site(app_url=app_url) if is_difficult else (Site(app_url=app_url), {})
    with serve(site) as site_url:
        say("Jira site", f"{site_url}, {site.counts()['issue']} issues ({site.dataset} data)")
        with running_app(port, site, key) as log:
            api = Api(app_url, key)
            wait_for("the app to be ready", lambda: is_ready(app_url))
            say("app", f"{app_url}: web, workers and clock on an embedded PostgreSQL and Valkey")
            integration = journey.pair(site, api)
            journey.backfill(api, integration)
            if is_difficult:
                healing.show_unreadable(api, integration)
            journey.compare(site, api, integration, absent_ids=total_of(damages.values()).absent_ids)
            if is_difficult and not keep:
                healing.heal(site, damages, api, integration)
                journey.compare(site, api, integration)
            journey.change(site, api, integration)
            console.print(f"[bold green]Done[/] in {time.monotonic() - start:.1f} s.")
            if keep:
                _keep(site, site_url, app_url, key, log)


def _keep(site: Site, site_url: str, app_url: str, key: str, log: Path) -> None:
    console.print(f"\nJira site     {site_url}/  (administrator: {site_url}/?as={site.admin})")
    console.print(f"SEI console   {app_url}/console/sign-in")
    console.print(f"SEI API key   {key}")
    console.print(f"logs          {log}")
    console.print("Ctrl-C ends it.")
    signal.pause()


if __name__ == "__main__":
    sys.exit(main())
