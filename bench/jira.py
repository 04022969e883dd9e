"""Jira for the benchmarks: many sandbox sites in a process of their own.

Protocol in lines: writes the URL of its install keys, reads the app's address, installs the app on every site, writes
the sites' secrets as JSON, and serves until its input ends.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox import Site, SiteKey, serve
from sandbox.connect.tokens import Address, context_token, page_token, server_token

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Customer:
    """A site with the app, for its tokens."""

    client_key: str
    secret: str
    admin: str
    app: Address

    def server_token(self, path: str) -> str:
        """Sign a webhook."""
        return server_token(self.secret, self.client_key, self.app, "POST", self.app.url(path))

    def page_token(self, target: str) -> str:
        """Sign a page in the frame."""
        return page_token(self.secret, self.client_key, self.app, self.app.url(target), self.admin)

    def context_token(self) -> str:
        """Sign the calls of a page."""
        return context_token(self.secret, self.client_key, self.admin)


class Sites:
    """The process, seen from its parent."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.install_keys_url: str = self._read_line()

    def install(self, app_url: str) -> list[Customer]:
        """Install the app on every site."""
        if self._process.stdin is not None:
            self._process.stdin.write(f"{app_url}\n")
            self._process.stdin.flush()
        return [Customer(**facts, app=Address(app_url)) for facts in json.loads(self._read_line())]

    def _read_line(self) -> str:
        return self._process.stdout.readline().strip() if self._process.stdout is not None else ""


@contextlib.contextmanager
def sites(number: int) -> Iterator[Sites]:
    """Run so many sites during the block."""
    command = [sys.executable, "-m", "bench.jira", str(number)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ourselves
        try:
            yield Sites(process)
        finally:
            if process.stdin is not None:
                process.stdin.close()


def main(number: int) -> None:
    """Serve until the input ends."""
    key = SiteKey.generate()
    site_list = [Site(dataset="seeded", seed=seed, issues=1, projects=1, key=key) for seed in range(number)]
    with contextlib.ExitStack() as stack:
        for site in site_list:
            stack.enter_context(serve(site))
        _write_line(site_list[0].install_keys_url)
        app_url = sys.stdin.readline().strip()
        for site in site_list:
            site.lifecycle.app_url = app_url
            site.install()
        _write_line(
            json.dumps(
                [
                    {"client_key": site.client_key, "secret": site.shared_secret, "admin": site.admin}
                    for site in site_list
                ]
            )
        )
        sys.stdin.read()


def _write_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
