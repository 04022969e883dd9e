"""Jira for the benchmarks: many sandbox sites in a process of their own.

Talks in lines of JSON: it tells where its install key is, reads the app's address, installs the app on every site,
tells the sites' secrets, and serves until its input ends.
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
    """A site that installed the app, as its tokens need it."""

    client_key: str
    secret: str
    admin: str
    app: Address

    def server_token(self, path: str) -> str:
        """For a webhook."""
        return server_token(self.secret, self.client_key, self.app, "POST", self.app.url(path))

    def page_token(self, target: str) -> str:
        """For a page in the frame."""
        return page_token(self.secret, self.client_key, self.app, self.app.url(target), self.admin)

    def context_token(self) -> str:
        """For the calls of a page."""
        return context_token(self.secret, self.client_key, self.admin)


class Sites:
    """The process as its parent sees it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.install_keys_url: str = self._heard()

    def install(self, app_url: str) -> list[Customer]:
        """Have every site install the app."""
        if self._process.stdin is not None:
            self._process.stdin.write(f"{app_url}\n")
            self._process.stdin.flush()
        return [Customer(**each, app=Address(app_url)) for each in json.loads(self._heard())]

    def _heard(self) -> str:
        return self._process.stdout.readline().strip() if self._process.stdout is not None else ""


@contextlib.contextmanager
def sites(number: int) -> Iterator[Sites]:
    """So many sites, for as long as this lasts."""
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
    served = [Site(dataset="seeded", seed=seed, issues=1, projects=1, key=key) for seed in range(number)]
    with contextlib.ExitStack() as stack:
        for site in served:
            stack.enter_context(serve(site))
        _tell(served[0].install_keys_url)
        app_url = sys.stdin.readline().strip()
        for site in served:
            site.lifecycle.app_url = app_url
            site.install()
        _tell(
            json.dumps(
                [{"client_key": each.client_key, "secret": each.shared_secret, "admin": each.admin} for each in served]
            )
        )
        sys.stdin.read()


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
