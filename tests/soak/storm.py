"""A site in a storm, its webhooks lost, doubled and late, its index behind: in the end the tables are the site.

`python -m tests.soak storm`: 2,000 issues changed at 50 a second. With `--kills N` web, worker, clock and Valkey are
killed N times each meanwhile, and Valkey loses its data each time.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from app import embedded
from tests.soak import duties, rows, work
from tests.soak.killer import Killer
from tests.soak.site import SiteProcess, site_process
from tests.soak.watch import FeedReader, Latencies, RowWatch, figure
from tests.story.processes import RunningApp, running_app, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.soak.watch import Figure


@dataclass(frozen=True)
class Weather:
    """A storm and the network it is seen through."""

    issues: int = 2000
    changes: int = 2000
    rate: float = 50.0
    others: float = 0.02
    loss: float = 0.1
    doubled: float = 0.1
    delay_s: float = 30.0
    lag_s: float = 20.0
    latency_ms: int = 0
    """What the site takes for an answer, beside its own work."""
    kills: int = 0
    """Times that each of web, worker, clock and Valkey is killed."""
    seed: int = 1
    patience_s: float = 600.0
    """How long the tables may take to become the site, after the last change."""


@dataclass
class Outcome:
    """What came of it."""

    behind_s: float = 0.0
    """Seconds by which the site itself was behind its rate at worst."""
    changed_issues: int = 0
    deliveries: int = 0
    lost: int = 0
    from_change: Figure | None = None
    from_delivery: Figure | None = None
    never: list[str] = field(default_factory=list)
    """Deliveries whose change no row ever showed."""
    requests: int = 0
    """REST requests from the first change until all that was delivered was worked off."""
    points: int = 0
    by_template: dict[str, int] = field(default_factory=dict)
    work: dict[str, float] = field(default_factory=dict)
    """Processor seconds by part, from the first change until all that was delivered was worked off."""
    kills: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    """Roles whose process ended without being killed: there is nobody here who would start it again."""
    polls: int = 0
    """How often everything was polled until the tables were the site, but for issues that are gone from it."""
    polled_after_s: float | None = None
    """Seconds from the last change until then; None: never."""
    left_to_sweeps: int = 0
    """Issues that were gone without a webhook that said so, hence still there after the polls."""
    true_after_s: float | None = None
    """Seconds from the last change until the tables were the site; None: never."""
    differences: list[rows.Difference] = field(default_factory=list)
    feed_problems: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether nothing was lost, nothing doubled, and nobody ended."""
        is_true = self.polled_after_s is not None and self.true_after_s is not None
        return is_true and not (self.feed_problems or self.ended)

    @property
    def requests_an_issue(self) -> float:
        return self.requests / max(1, self.changed_issues)


@dataclass
class Stage:
    """The running product, its servers and its site."""

    folder: Path
    database_url: str
    redis_url: str
    site: SiteProcess
    app: RunningApp
    integration: str
    client_key: str

    def work(self) -> dict[str, float]:
        """Processor seconds used so far, by part."""
        pids = {name: (self.folder / "var" / file).read_text(encoding="utf-8") for name, file in _PID_FILES.items()}
        roots = {name: int(text.split()[0]) for name, text in pids.items()}
        roots |= {role: process.pid for role, process in self.app.processes.items()}
        if self.site.process is not None:
            roots["site"] = self.site.process.pid
        return work.seconds({**roots, "this": os.getpid()})


_PID_FILES = {"postgres": "postgres/postmaster.pid", "valkey": "valkey/server.pid"}


@contextlib.contextmanager
def stage(weather: Weather, more: dict[str, str] | None = None) -> Any:
    """Everything up, paired and verified, before the storm."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="storm")))
        servers = stack.enter_context(embedded.running(folder / "var", postgres=True, valkey=True))
        site = stack.enter_context(
            site_process(
                folder,
                issues=weather.issues,
                projects=6,
                seed=weather.seed,
                latency_ms=weather.latency_ms,
                worklog_feed_delay_s=5,
            )
        )
        app = stack.enter_context(
            running_app(
                database_url=str(servers.database_url),
                redis_url=str(servers.redis_url),
                install_keys_url=site.install_keys_url,
                log=folder / "app.log",
                port=site.app_port,
                more={"APP_POINTS_PER_HOUR": "100000000", **(more or {})},
            )
        )
        integration = app.pair(site)  # type: ignore[arg-type]  # has what pairing needs
        app.wait_until_verified(integration, patience=600)
        yield Stage(folder, str(servers.database_url), str(servers.redis_url), site, app, integration, site.client_key)


def run(weather: Weather, here: Stage, say: Callable[[str], None], *, is_hurried: bool = False, **only: Any) -> Outcome:
    """One storm, from a verified site to tables that are the site again.

    Where it `is_hurried`, what the dead held is free at once. `only` is asked of the site's storm besides.
    """
    outcome, site = Outcome(), here.site
    before = rows.differences(here.database_url, site.base_url, here.client_key)
    if before:
        say(f"different before the storm:\n{rows.summary(before)}")
    site.options(
        webhook_loss=weather.loss,
        webhook_duplicates=weather.doubled,
        webhook_delay_s=weather.delay_s,
        index_lag_s=weather.lag_s,
    )
    site.control("DELETE", "requests")
    feed = FeedReader(here.app, here.integration)
    feed.take()  # SEI has the first reading long before
    with RowWatch(here.database_url, here.client_key) as watch, feed:
        killer = Killer(weather, here)
        began, used = time.time(), here.work()
        site.control("POST", "storm", json=_asked(weather) | only)
        with killer:
            wait_for(lambda: site.control("GET", "storm", params={"since": 10**9})["isOver"], weather.changes)
        ended = time.time()
        say(f"{weather.changes} changes in {ended - began:.1f} s")
        outcome.kills, outcome.ended = killer.done, killer.ended
        if is_hurried:
            duties.let_leases_end(here.database_url, here.client_key)
        wait_for(lambda: site.control("GET", "webhooks/pending")["pending"] == 0, weather.delay_s + 120)
        wait_for(lambda: _waiting(here.database_url) == 0, 120, lambda: inbox(here.database_url))
        outcome.work = {name: used_now - used.get(name, 0.0) for name, used_now in here.work().items()}
        time.sleep(1)  # the row watch looks every 40 ms
        _measure(outcome, here, watch, int(began * 1000))
        site.options(index_lag_s=0.0)  # what is on its way still takes its time
        _converge(outcome, weather, here, ended, say)
    outcome.ended += [role for role, process in here.app.processes.items() if process.poll() is not None]
    feed.take()
    outcome.feed_problems = feed.problems(here.database_url, here.client_key)
    return outcome


def _asked(weather: Weather) -> dict[str, Any]:
    return {"changes": weather.changes, "rate": weather.rate, "others": weather.others, "seed": weather.seed}


def _waiting(database_url: str) -> int:
    with psycopg.connect(database_url) as connection:
        (count,) = connection.execute("SELECT count(*) FROM inbox WHERE done_at IS NULL").fetchone() or (0,)
        return int(count)


def inbox(database_url: str) -> str:
    """What waits in the inbox, by event and problem: to explain why it does not get empty."""
    with psycopg.connect(database_url) as connection:
        table = connection.execute("SELECT * FROM inbox WHERE done_at IS NULL ORDER BY received_at LIMIT 5").fetchall()
        counts = connection.execute(
            "SELECT event, attempts, count(*) FROM inbox WHERE done_at IS NULL GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 20"
        ).fetchall()
    return "\n".join(map(str, (*counts, *table)))


def _measure(outcome: Outcome, here: Stage, watch: RowWatch, began: int) -> None:
    traffic = here.site.control("GET", "requests")
    deliveries = here.site.control("GET", "webhooks", params={"since": began})
    storm = here.site.control("GET", "storm")
    latencies = Latencies.of(deliveries, watch)
    outcome.behind_s = storm["latestBy"]
    outcome.changed_issues = len({each["issue_id"] for each in storm["notes"] if each["issue_id"]})
    outcome.deliveries, outcome.lost = len(deliveries), sum(each["isLost"] for each in deliveries)
    outcome.from_change, outcome.from_delivery = figure(latencies.from_change), figure(latencies.from_delivery)
    outcome.never = latencies.never
    outcome.requests, outcome.points = traffic["requests"], traffic["points"]
    outcome.by_template = dict(sorted(traffic["by_template"].items(), key=lambda each: -each[1]))


def _converge(outcome: Outcome, weather: Weather, here: Stage, ended: float, say: Callable[[str], None]) -> None:
    """Polls alone until they bring no more; then weeks pass, for what only sweeps find."""

    def has_what_polls_bring() -> bool:
        gone = {each.id for each in outcome.differences if each.entity == "issue" and each.what == "extra"}
        outcome.left_to_sweeps = len(gone)
        return all(each.is_about(gone) for each in outcome.differences)

    def until(is_over: Callable[[], bool], hasten: Callable[[int], None], every_s: float) -> tuple[int, float | None]:
        """Compare until it is over, hastening every so many seconds. Returns how often that was, and when it was over."""
        began, turn, said = time.monotonic(), 0, time.monotonic()
        while time.monotonic() < began + weather.patience_s / 2:
            if time.monotonic() >= began + turn * every_s:
                hasten(turn)
                turn += 1
                time.sleep(5)  # the clock's round
            outcome.differences = rows.differences(here.database_url, here.site.base_url, here.client_key)
            if is_over():
                return turn, time.time() - ended
            if time.monotonic() > said + 30:
                say(f"after {time.time() - ended:.0f} s still different:\n{rows.summary(outcome.differences)}")
                said = time.monotonic()
            time.sleep(1)
        return turn, None

    where = (here.database_url, here.client_key)
    outcome.polls, outcome.polled_after_s = until(has_what_polls_bring, lambda _: duties.have_polled(*where), 30)
    if not outcome.differences:
        outcome.true_after_s = outcome.polled_after_s
        return
    _, outcome.true_after_s = until(
        lambda: not outcome.differences, lambda turn: duties.let_a_week_pass(*where, turn), 5
    )


def told(weather: Weather, outcome: Outcome) -> list[str]:
    """The figures in words."""
    top = ", ".join(f"{count} × {template}" for template, count in list(outcome.by_template.items())[:8])
    lines = [
        f"{weather.changes} changes at {weather.rate:g} a second, {outcome.changed_issues} issues changed",
        f"the site was at most {outcome.behind_s:.2f} s behind its own rate",
        f"{outcome.deliveries} deliveries, {outcome.lost} lost, {weather.doubled:.0%} doubled",
        f"deliveries late by up to {weather.delay_s:g} s, the index by up to {weather.lag_s:g} s",
        f"change to row:   {outcome.from_change}",
        f"delivery to row: {outcome.from_delivery}",
        f"{outcome.requests} requests, {outcome.requests_an_issue:.3f} a changed issue; {outcome.points} points",
        f"  {top}",
        "processor seconds: " + ", ".join(f"{name} {spent:.1f}" for name, spent in outcome.work.items()),
    ]
    if outcome.kills:
        lines.append(f"killed {len(outcome.kills)} times: {', '.join(outcome.kills)}")
    if outcome.polled_after_s is not None:
        lines.append(
            f"with webhooks and {outcome.polls} poll(s) the tables were the site {outcome.polled_after_s:.0f} s after the"
            f" last change, but for {outcome.left_to_sweeps} issues gone without a word"
        )
    if outcome.true_after_s is not None:
        lines.append(f"with the sweeps they were the site {outcome.true_after_s:.0f} s after the last change")
    else:
        lines.append(f"DIFFERENT: {len(outcome.differences)} fields\n{rows.summary(outcome.differences)}")
    lines += [f"FEED: {each}" for each in outcome.feed_problems]
    lines += [f"ENDED: {each}" for each in outcome.ended]
    return lines


def main(weather: Weather) -> int:
    """Run it and print the figures. Returns the exit status."""

    def say(words: str) -> None:
        sys.stdout.write(f"{words}\n")
        sys.stdout.flush()

    kept = Path(tempfile.gettempdir()) / f"storm-{os.getpid()}.log"
    with stage(weather) as here:
        try:
            outcome = run(weather, here, say)
        finally:
            shutil.copy(here.folder / "app.log", kept)
            say(f"the app's log: {kept}")
    for line in told(weather, outcome):
        say(line)
    return 0 if outcome.is_good else 1
