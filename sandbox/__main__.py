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
    """Parse the command line and serve."""
    arguments = _arguments().parse_args()
    options = Options()
    options.change(json.loads(arguments.options))
    site = Site(
        dataset=arguments.dataset,
        seed=arguments.seed,
        issues=arguments.issues,
        projects=arguments.projects,
        recordings=arguments.recordings,
        app_url=arguments.app_url,
        key=SiteKey.at(arguments.key_file) if arguments.key_file else None,
        options=options,
        state=arguments.state,
        timezone=arguments.timezone,
    )
    with contextlib.suppress(KeyboardInterrupt):
        serve_forever(site, arguments.port, arguments.host, arguments.base_url)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="A Jira Cloud site on a laptop.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090, help="0 takes any free port")
    parser.add_argument("--base-url", help="the site's own address, if other than http://HOST:PORT")
    parser.add_argument("--app-url", default="http://127.0.0.1:8080", help="base URL of the app")
    parser.add_argument("--dataset", choices=NAMES, default="auto")
    parser.add_argument("--recordings", type=Path, help="folder of recorded payloads")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--issues", type=int, default=300, help="size of a seeded site")
    parser.add_argument("--projects", type=int, default=6, help="projects of a seeded site")
    parser.add_argument("--key-file", type=Path, help="file that keeps the install key between runs")
    parser.add_argument("--state", type=Path, help="file with the site's state; it survives the process")
    parser.add_argument("--timezone", help="time zone of the site and of the app's user, an IANA name")
    parser.add_argument("--options", default="{}", help="JSON of options, as for POST /sandbox/options")
    return parser


if __name__ == "__main__":
    main()
