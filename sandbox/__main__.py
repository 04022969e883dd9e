"""`python -m sandbox`: serve one site until interrupted."""

from __future__ import annotations

import argparse
import contextlib
import json
from pathlib import Path

from sandbox.connect.install_key import SiteKey
from sandbox.datasets import NAMES
from sandbox.options import Options
from sandbox.site import Site
from sandbox.web.server import serve_forever


def main() -> None:
    """Read the command line and serve."""
    asked = _arguments().parse_args()
    options = Options()
    options.change(json.loads(asked.options))
    site = Site(
        dataset=asked.dataset,
        seed=asked.seed,
        issues=asked.issues,
        projects=asked.projects,
        recordings=asked.recordings,
        app_url=asked.app_url,
        key=SiteKey.at(asked.key_file) if asked.key_file else None,
        options=options,
        state=asked.state,
        timezone=asked.timezone,
    )
    with contextlib.suppress(KeyboardInterrupt):
        serve_forever(site, asked.port, asked.host, asked.base_url)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="A Jira Cloud site on a laptop.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090, help="0 takes any free port")
    parser.add_argument("--base-url", help="the site's own address, if other than http://HOST:PORT")
    parser.add_argument("--app-url", default="http://127.0.0.1:8080", help="where the app's descriptor lies")
    parser.add_argument("--dataset", choices=NAMES, default="auto")
    parser.add_argument("--recordings", type=Path, help="folder of recorded payloads")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--issues", type=int, default=300, help="size of a seeded site")
    parser.add_argument("--projects", type=int, default=6, help="projects of a seeded site")
    parser.add_argument("--key-file", type=Path, help="keep the install key here between runs")
    parser.add_argument("--state", type=Path, help="keep the site's state here: a killed process comes back with it")
    parser.add_argument("--timezone", help="of the site and of the app's user, an IANA name")
    parser.add_argument("--options", default="{}", help="JSON of options as POST /sandbox/options takes")
    return parser


if __name__ == "__main__":
    main()
