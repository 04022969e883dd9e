"""Hostile requests against gunicorn: `make test` sends 2,000, `python -m tests.attacks.hostile 10000` more.

No request may be accepted or cause an error, no process may die, and memory may not grow.
"""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import requests

from sandbox import Site, SiteKey, serve
from tests.attacks.hostile.shots import Hail, Shot
from tests.attacks.hostile.tokens import KINDS, Forger
from tests.story.processes import API_KEY, RunningApp, running_app

if TYPE_CHECKING:
    from collections.abc import Iterator

BASE = "/base"
THREADS = 8
CHUNK = 200
FLAT = 1.15
"""Highest ratio of the resident memory after the second half to that after the first."""
_PATIENCE = 20.0
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
_SUCCESS, _REDIRECT, _CLIENT_ERROR, _SERVER_ERROR = 200, 300, 400, 500


@dataclass
class Outcome:
    """The results of a series."""

    seed: int
    count: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    by_kind: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    successes: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    memory: list[dict[int, int]] = field(default_factory=list)
    slowest: float = 0.0
    seconds: float = 0.0

    @property
    def growth(self) -> float:
        """Ratio of the resident memory of all workers, second half to first."""
        first, second = (sum(sizes.values()) for sizes in self.memory[-2:])
        return second / first

    def __str__(self) -> str:
        memory = " -> ".join(f"{sum(sizes.values()) / 1024:.1f} MB" for sizes in self.memory)
        counts = (len(self.successes), len(self.failures), len(self.leaks))
        lines = [
            f"hostile requests: seed {self.seed}, {self.count} in {self.seconds:.0f} s, slowest {self.slowest:.2f} s",
            "  accepted {}, 5xx {}, tell-tale {}".format(*counts),
            f"  statuses: {dict(sorted(self.statuses.items()))}",
            *(f"    {kind}: {dict(sorted(counts.items()))}" for kind, counts in sorted(self.by_kind.items())),
            f"  resident memory of {len(self.memory[-1])} workers: {memory}, second half / first {self.growth:.3f}",
        ]
        return "\n".join(lines)


@dataclass(frozen=True)
class Field:
    """The app under attack, and two sites with abused tokens."""

    app: RunningApp
    site: Site
    other_site: Site

    def workers(self) -> dict[int, int]:
        """Resident kilobytes of gunicorn's workers by process id."""
        pid = self.app.processes["web"].pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return {int(child): _resident(int(child)) for child in children}

    def is_ready(self) -> bool:
        return requests.get(f"{self.app.url}/readyz", timeout=10).status_code == requests.codes.ok

    def opens_for_good_tokens(self, forger: Forger) -> dict[str, int]:
        """Statuses of valid requests at the same doors, as a counter-check."""
        statuses = {}
        for kind in KINDS:
            if kind.path == "/connect/webhooks/comment_created" or (kind.name, kind.method) == ("page", "GET"):
                target = f"{self.app.url}{kind.path}"
                token = forger.good(kind)
                headers = {} if kind.is_in_query else {"Authorization": f"JWT {token}"}
                target += f"&jwt={token}" if kind.is_in_query else ""
                statuses[kind.path] = requests.request(kind.method, target, headers=headers, timeout=30).status_code
        statuses["context"] = requests.get(
            f"{self.app.url}/jira/pairing",
            headers={"Authorization": f"JWT {self.site.context_token(self.site.admin)}"},
            timeout=30,
        ).status_code
        statuses["api"] = self.app.api("GET", "/integrations").status_code
        statuses["lifecycle"] = self.site.reinstall().status
        return statuses


@contextlib.contextmanager
def field_of_fire(database_url: str, redis_url: str, log: Path) -> Iterator[Field]:
    """Run the app with sites that have installed it."""
    key = SiteKey.generate()
    with contextlib.ExitStack() as stack:
        sites = [Site(dataset="seeded", seed=seed, issues=1, projects=1, key=key) for seed in (1, 2)]
        for site in sites:
            stack.enter_context(serve(site))
        app = stack.enter_context(
            running_app(
                database_url=database_url,
                redis_url=redis_url,
                install_keys_url=sites[0].install_keys_url,
                log=log,
                roles=("web",),
                base_path=BASE,
            )
        )
        for site in sites:
            site.lifecycle.app_url = app.url
            site.install()
        yield Field(app, *sites)


def hail(ground: Field, seed: int, count: int) -> Outcome:
    """Send `count` shots in two halves, with a look at memory after each half."""
    chance = Random(seed)
    forger = Forger(ground.site, ground.other_site, chance)
    generator = Hail(forger, chance, BASE)
    generator.knows_sign_in(*_sign_in_form(ground.app))
    outcome = Outcome(seed, memory=[ground.workers()])
    start = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        for half in (count // 2, count - count // 2):
            shots = generator.shots(outcome.count, half)
            # In small chunks, since tokens must be fresh.
            while chunk := list(islice(shots, CHUNK)):
                for shot, answer, seconds in pool.map(lambda item: _fire(ground.app.port, item), chunk):
                    _judge(outcome, shot, answer, seconds)
            outcome.memory.append(ground.workers())
    outcome.seconds = time.monotonic() - start
    return outcome


def _fire(port: int, shot: Shot) -> tuple[Shot, bytes, float]:
    """Send a shot and read the answer until the server closes the connection."""
    start = time.monotonic()
    answer = b""
    with (
        contextlib.suppress(ConnectionError, TimeoutError),
        socket.create_connection(("127.0.0.1", port), _PATIENCE) as wire,
    ):
        with contextlib.suppress(OSError):  # the server may close before the end
            wire.sendall(shot.raw)
            # No more bytes follow, regardless of the announced length.
            wire.shutdown(socket.SHUT_WR)
        while piece := wire.recv(65536):
            answer += piece
    return shot, answer, time.monotonic() - start


def _judge(outcome: Outcome, shot: Shot, answer: bytes, seconds: float) -> None:
    outcome.count += 1
    outcome.slowest = max(outcome.slowest, seconds)
    statuses = [int(status) for status in _STATUS.findall(answer)]
    for word in map(str, statuses or ["none"]):
        outcome.statuses[word] += 1
        outcome.by_kind[shot.kind][word] += 1
    text = f"#{shot.number} {shot.kind}: {statuses} to {shot.raw[:300]!r}"
    for status in statuses:
        if status >= _SERVER_ERROR:
            outcome.failures.append(text)
        elif _is_let_in(status, shot):
            outcome.successes.append(text)
    if seconds >= _PATIENCE:
        outcome.failures.append(f"{text}: no end after {seconds:.0f} s")
    if b"Traceback" in answer or b'File "' in answer or API_KEY.encode() in answer:
        outcome.leaks.append(text)


def _is_let_in(status: int, shot: Shot) -> bool:
    """Whether an answer grants something to an unproven caller."""
    if _SUCCESS <= status < _REDIRECT:
        return not shot.may_succeed(BASE.encode())
    return _REDIRECT <= status < _CLIENT_ERROR and not shot.may_redirect(BASE.encode())


def check_log(ground: Field) -> list[str]:
    """Lines of the app's log with unexpected errors or secrets."""
    secrets_ = (ground.site.shared_secret, ground.other_site.shared_secret, API_KEY, "eyJ")
    signs = (*secrets_, "Traceback", "unexpected", "Error handling request", "Worker exiting", "WORKER TIMEOUT")
    lines = ground.app.log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line[:2000] for line in lines if any(sign in line for sign in signs)]


def _sign_in_form(app: RunningApp) -> tuple[str, str]:
    answer = requests.get(f"{app.url}/console/sign-in", timeout=10)
    match = re.search(r'name="csrf" value="([^"]+)"', answer.text)
    assert match is not None, answer.text
    return answer.cookies["sei_console"], match[1]


def _resident(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])
