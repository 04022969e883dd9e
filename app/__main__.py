"""`python -m app`: the command line."""

from __future__ import annotations

import signal
import sys

import click

from app.web.commands import GROUPS
from app.web.serve import release, run, web


@click.group()
def main() -> None:
    """SEI Connect for Jira."""


for command in (*GROUPS, web, release, run):
    main.add_command(command)

if __name__ == "__main__":
    # The default would leave embedded servers running: SIGTERM skips every `finally`.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main()
