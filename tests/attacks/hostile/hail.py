"""A hail of hostile requests against gunicorn: `make test` sends 2,000, `python -m tests.attacks.hostile 10000` the long form.

Nothing may be accepted, nothing may fail in us, no process may die, and memory may not grow.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import socket
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import psycopg
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
"""Resident memory after the second half over that after the first."""
_PATIENCE = 20.0
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
_ACCEPTED, _REDIRECTED, _REFUSED, _FAILED = 200, 300, 400, 500


@dataclass
class Outcome:
    """What came of a hail."""

    seed: int
    sent: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    by_kind: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    accepted: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    memory: list[dict[int, int]] = field(default_factory=list)
    slowest: float = 0.0
    seconds: float = 0.0

    @property
    def growth(self) -> float:
        """Of all workers together."""
        first, second = (sum(each.values()) for each in self.memory[-2:])
        return second / first

    def __str__(self) -> str:
        memory = " -> ".join(f"{sum(each.values()) / 1024:.1f} MB" for each in self.memory)
        found = (len(self.accepted), len(self.failed), len(self.told))
        lines = [
            f"hostile requests: seed {self.seed}, {self.sent} in {self.seconds:.0f} s, slowest {self.slowest:.2f} s",
            "  accepted {}, 5xx {}, tell-tale {}".format(*found),
            f"  statuses: {dict(sorted(self.statuses.items()))}",
            *(f"    {kind}: {dict(sorted(counts.items()))}" for kind, counts in sorted(self.by_kind.items())),
            f"  resident memory of {len(self.memory[-1])} workers: {memory}, second half / first {self.growth:.3f}",
        ]
        return "\n".join(lines)


@dataclass(frozen=True)
class Field:
    """The app under fire, and the two sites whose tokens are abused."""

    app: RunningApp
    site: Site
    other: Site

    def workers(self) -> dict[int, int]:
        """Gunicorn's workers and the kilobytes each has resident."""
        pid = self.app.processes["web"].pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return {int(child): _resident(int(child)) for child in children}

    def is_ready(self) -> bool:
        return requests.get(f"{self.app.url}/readyz", timeout=10).status_code == requests.codes.ok

    def opens_for_good_tokens(self, forger: Forger) -> dict[str, int]:
        """What the same doors say to what is right: a hail that bounces off a closed house proves nothing."""
        found = {}
        for kind in KINDS:
            if kind.path == "/connect/webhooks/comment_created" or (kind.name, kind.method) == ("page", "GET"):
                target = f"{self.app.url}{kind.path}"
                token = forger.good(kind)
                headers = {} if kind.is_in_query else {"Authorization": f"JWT {token}"}
                target += f"&jwt={token}" if kind.is_in_query else ""
                found[kind.path] = requests.request(kind.method, target, headers=headers, timeout=30).status_code
        found["context"] = requests.get(
            f"{self.app.url}/jira/pairing",
            headers={"Authorization": f"JWT {self.site.context_token(self.site.admin)}"},
            timeout=30,
        ).status_code
        found["api"] = self.app.api("GET", "/integrations").status_code
        found["lifecycle"] = self.site.reinstall().status
        return found


@contextlib.contextmanager
def field_of_fire(database_url: str, redis_url: str, log: Path) -> Iterator[Field]:
    """The app with sites that have installed it."""
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
    """Send so many shots, half and half, and look at memory after each half."""
    chance = Random(seed)
    forger = Forger(ground.site, ground.other, chance)
    drawn = Hail(forger, chance, BASE)
    drawn.knows_sign_in(*_sign_in_form(ground.app))
    outcome = Outcome(seed, memory=[ground.workers()])
    began = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        for half in (count // 2, count - count // 2):
            shots = drawn.shots(outcome.sent, half)
            # A few at a time: tokens must be fresh when they are sent.
            while chunk := list(islice(shots, CHUNK)):
                for shot, answer, took in pool.map(lambda each: _fire(ground.app.port, each), chunk):
                    _judge(outcome, shot, answer, took)
            outcome.memory.append(ground.workers())
    outcome.seconds = time.monotonic() - began
    return outcome


def _fire(port: int, shot: Shot) -> tuple[Shot, bytes, float]:
    """Send a shot and read all that comes back until the server hangs up."""
    began = time.monotonic()
    answer = b""
    with (
        contextlib.suppress(ConnectionError, TimeoutError),
        socket.create_connection(("127.0.0.1", port), _PATIENCE) as wire,
    ):
        with contextlib.suppress(OSError):  # it may hang up before it has heard all
            wire.sendall(shot.raw)
            # Whatever length was promised: there is no more.
            wire.shutdown(socket.SHUT_WR)
        while piece := wire.recv(65536):
            answer += piece
    return shot, answer, time.monotonic() - began


def _judge(outcome: Outcome, shot: Shot, answer: bytes, took: float) -> None:
    outcome.sent += 1
    outcome.slowest = max(outcome.slowest, took)
    statuses = [int(found) for found in _STATUS.findall(answer)]
    for word in map(str, statuses or ["none"]):
        outcome.statuses[word] += 1
        outcome.by_kind[shot.kind][word] += 1
    told = f"#{shot.number} {shot.kind}: {statuses} to {shot.raw[:300]!r}"
    for status in statuses:
        if status >= _FAILED:
            outcome.failed.append(told)
        elif _is_let_in(status, shot):
            outcome.accepted.append(told)
    if took >= _PATIENCE:
        outcome.failed.append(f"{told}: no end after {took:.0f} s")
    if b"Traceback" in answer or b'File "' in answer or API_KEY.encode() in answer:
        outcome.told.append(told)


def _is_let_in(status: int, shot: Shot) -> bool:
    """Whether an answer gives what only the right caller should get."""
    if _ACCEPTED <= status < _REDIRECTED:
        return not shot.may_succeed(BASE.encode())
    return _REDIRECTED <= status < _REFUSED and not shot.may_redirect(BASE.encode())


def check_log(ground: Field) -> list[str]:
    """Lines of the app's log that tell of an accident or a secret."""
    secrets_ = (ground.site.shared_secret, ground.other.shared_secret, API_KEY, "eyJ")
    signs = (*secrets_, "Traceback", "unexpected", "Error handling request", "Worker exiting", "WORKER TIMEOUT")
    lines = ground.app.log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line[:2000] for line in lines if any(sign in line for sign in signs)]


def _sign_in_form(app: RunningApp) -> tuple[str, str]:
    answer = requests.get(f"{app.url}/console/sign-in", timeout=10)
    found = re.search(r'name="csrf" value="([^"]+)"', answer.text)
    assert found is not None, answer.text
    return answer.cookies["sei_console"], found[1]


def _resident(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def database_of_its_own(url: str) -> str:
    """A database that no other test looks into."""
    name = f"hostile_{secrets.token_hex(6)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return url.replace("/sei_connect?", f"/{name}?")
