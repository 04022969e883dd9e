"""A storm of changes with lost, repeated and late webhooks and a lagging index: the tables end equal to the site.

`python -m tests.soak storm` changes 2,000 issues at 50 a second. `--kills N` kills web, worker, clock and Valkey N times
each meanwhile; Valkey loses its data each time.
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
from tests.soak import rows, time_travel, work
from tests.soak.killer import Killer
from tests.soak.site import SiteProcess, site_process
from tests.soak.watch import FeedReader, Latencies, RowWatch, figure
from tests.story.processes import RunningApp, running_app, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.soak.watch import Figure


@dataclass(frozen=True)
class Weather:
    """A storm and the network between site and app."""

    issues: int = 2000
    changes: int = 2000
    rate: float = 50.0
    other_share: float = 0.02
    """Share of changes that concern other things than issues."""
    loss: float = 0.1
    repeats: float = 0.1
    delay_s: float = 30.0
    lag_s: float = 20.0
    latency_ms: int = 0
    """Delay of every answer, in addition to the site's own work."""
    kills: int = 0
    """Kills of web, worker, clock and Valkey each."""
    seed: int = 1
    patience_s: float = 600.0
    """Longest time from the last change until the tables equal the site."""


@dataclass
class Outcome:
    """The figures of a storm."""

    behind_s: float = 0.0
    """Longest delay of the site behind its own rate, in seconds."""
    changed_issues: int = 0
    deliveries: int = 0
    loss_count: int = 0
    from_change: Figure | None = None
    from_delivery: Figure | None = None
    without_row: list[str] = field(default_factory=list)
    """Deliveries of changes that no row ever showed."""
    requests: int = 0
    """REST requests from the first change until the inbox is empty."""
    points: int = 0
    by_template: dict[str, int] = field(default_factory=dict)
    work: dict[str, float] = field(default_factory=dict)
    """Processor seconds by part, from the first change until the inbox is empty."""
    kills: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    """Roles with a process that ended by itself; no supervisor restarts it here."""
    polls: int = 0
    """Rounds of polls until the tables equal the site, apart from deleted issues."""
    polled_after_s: float | None = None
    """Seconds from the last change to that moment; None: never."""
    sweep_count: int = 0
    """Issues that vanished without a webhook and therefore stay until a sweep."""
    true_after_s: float | None = None
    """Seconds from the last change until the tables equal the site; None: never."""
    differences: list[rows.Difference] = field(default_factory=list)
    feed_problems: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether tables and feed are right and no process ended by itself."""
        is_true = self.polled_after_s is not None and self.true_after_s is not None
        return is_true and not (self.feed_problems or self.failures)

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
        """Processor seconds since the start, by part."""
        pids = {name: (self.folder / "var" / file).read_text(encoding="utf-8") for name, file in _PID_FILES.items()}
        roots = {name: int(text.split()[0]) for name, text in pids.items()}
        roots |= {role: process.pid for role, process in self.app.processes.items()}
        if self.site.process is not None:
            roots["site"] = self.site.process.pid
        return work.seconds({**roots, "this": os.getpid()})


_PID_FILES = {"postgres": "postgres/postmaster.pid", "valkey": "valkey/server.pid"}


@contextlib.contextmanager
def open_stage(weather: Weather, extra_env: dict[str, str] | None = None) -> Any:
    """Start everything, pair the site and wait for its verification."""
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
                extra_env={"APP_POINTS_PER_HOUR": "100000000", **(extra_env or {})},
            )
        )
        integration = app.pair(site)  # type: ignore[arg-type]  # implements the part that pairing calls
        app.wait_until_verified(integration, patience=600)
        yield Stage(folder, str(servers.database_url), str(servers.redis_url), site, app, integration, site.client_key)


def run(
    weather: Weather, stage: Stage, say: Callable[[str], None], *, is_hurried: bool = False, **only: Any
) -> Outcome:
    """Run one storm, from a verified site to tables that equal the site again.

    `is_hurried` releases the leases of killed workers at once. `only` is passed on to the site's storm.
    """
    outcome, site = Outcome(), stage.site
    before = rows.differences(stage.database_url, site.base_url, stage.client_key)
    if before:
        say(f"different before the storm:\n{rows.summary(before)}")
    site.options(
        webhook_loss=weather.loss,
        webhook_duplicates=weather.repeats,
        webhook_delay_s=weather.delay_s,
        index_lag_s=weather.lag_s,
    )
    site.control("DELETE", "requests")
    feed = FeedReader(stage.app, stage.integration)
    feed.take()  # SEI has the backfilled rows before the storm
    with RowWatch(stage.database_url, stage.client_key) as watch, feed:
        killer = Killer(weather, stage)
        start, work_before = time.time(), stage.work()
        site.control("POST", "storm", json=_storm_options(weather) | only)
        with killer:
            wait_for(lambda: site.control("GET", "storm", params={"since": 10**9})["isOver"], weather.changes)
        end = time.time()
        say(f"{weather.changes} changes in {end - start:.1f} s")
        outcome.kills, outcome.failures = killer.kills, killer.failures
        if is_hurried:
            time_travel.expire_leases(stage.database_url, stage.client_key)
        wait_for(lambda: site.control("GET", "webhooks/pending")["pending"] == 0, weather.delay_s + 120)
        wait_for(lambda: _waiting(stage.database_url) == 0, 120, lambda: inbox(stage.database_url))
        outcome.work = {name: used_now - work_before.get(name, 0.0) for name, used_now in stage.work().items()}
        time.sleep(1)  # the row watch looks every 40 ms
        _measure(outcome, stage, watch, int(start * 1000))
        site.options(index_lag_s=0.0)  # changes already in the queue keep their delay
        _converge(outcome, weather, stage, end, say)
    outcome.failures += [role for role, process in stage.app.processes.items() if process.poll() is not None]
    feed.take()
    outcome.feed_problems = feed.problems(stage.database_url, stage.client_key)
    return outcome


def _storm_options(weather: Weather) -> dict[str, Any]:
    return {"changes": weather.changes, "rate": weather.rate, "others": weather.other_share, "seed": weather.seed}


def _waiting(database_url: str) -> int:
    with psycopg.connect(database_url) as connection:
        (count,) = connection.execute("SELECT count(*) FROM inbox WHERE done_at IS NULL").fetchone() or (0,)
        return int(count)


def inbox(database_url: str) -> str:
    """Pending deliveries by event, to explain an inbox that doesn't drain."""
    with psycopg.connect(database_url) as connection:
        table = connection.execute("SELECT * FROM inbox WHERE done_at IS NULL ORDER BY received_at LIMIT 5").fetchall()
        counts = connection.execute(
            "SELECT event, attempts, count(*) FROM inbox WHERE done_at IS NULL GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 20"
        ).fetchall()
    return "\n".join(map(str, (*counts, *table)))


def _measure(outcome: Outcome, stage: Stage, watch: RowWatch, start: int) -> None:
    traffic = stage.site.control("GET", "requests")
    deliveries = stage.site.control("GET", "webhooks", params={"since": start})
    storm = stage.site.control("GET", "storm")
    latencies = Latencies.of(deliveries, watch)
    outcome.behind_s = storm["latestBy"]
    outcome.changed_issues = len({note["issue_id"] for note in storm["notes"] if note["issue_id"]})
    outcome.deliveries, outcome.loss_count = len(deliveries), sum(delivery["isLost"] for delivery in deliveries)
    outcome.from_change, outcome.from_delivery = figure(latencies.from_change), figure(latencies.from_delivery)
    outcome.without_row = latencies.without_row
    outcome.requests, outcome.points = traffic["requests"], traffic["points"]
    outcome.by_template = dict(sorted(traffic["by_template"].items(), key=lambda row: -row[1]))


def _converge(outcome: Outcome, weather: Weather, stage: Stage, end: float, say: Callable[[str], None]) -> None:
    """Poll until only sweeps can find the remaining differences; then let weeks pass for the sweeps."""

    def has_only_deletions() -> bool:
        gone_ids = {
            difference.id
            for difference in outcome.differences
            if difference.entity == "issue" and difference.aspect == "extra"
        }
        outcome.sweep_count = len(gone_ids)
        return all(difference.is_about(gone_ids) for difference in outcome.differences)

    def until(is_over: Callable[[], bool], hasten: Callable[[int], None], every_s: float) -> tuple[int, float | None]:
        """Compare repeatedly until `is_over`, calling `hasten` every `every_s`. Returns its calls and the seconds since `end`."""
        start, turn, last_message = time.monotonic(), 0, time.monotonic()
        while time.monotonic() < start + weather.patience_s / 2:
            if time.monotonic() >= start + turn * every_s:
                hasten(turn)
                turn += 1
                time.sleep(5)  # the clock's round
            outcome.differences = rows.differences(stage.database_url, stage.site.base_url, stage.client_key)
            if is_over():
                return turn, time.time() - end
            if time.monotonic() > last_message + 30:
                say(f"after {time.time() - end:.0f} s still different:\n{rows.summary(outcome.differences)}")
                last_message = time.monotonic()
            time.sleep(1)
        return turn, None

    tenant = (stage.database_url, stage.client_key)
    outcome.polls, outcome.polled_after_s = until(has_only_deletions, lambda _: time_travel.make_polls_due(*tenant), 30)
    if not outcome.differences:
        outcome.true_after_s = outcome.polled_after_s
        return
    _, outcome.true_after_s = until(lambda: not outcome.differences, lambda turn: time_travel.advance(*tenant, turn), 5)


def report(weather: Weather, outcome: Outcome) -> list[str]:
    """The figures as sentences."""
    top = ", ".join(f"{count} × {template}" for template, count in list(outcome.by_template.items())[:8])
    lines = [
        f"{weather.changes} changes at {weather.rate:g} a second, {outcome.changed_issues} issues changed",
        f"the site was at most {outcome.behind_s:.2f} s behind its own rate",
        f"{outcome.deliveries} deliveries, {outcome.loss_count} lost, {weather.repeats:.0%} repeated",
        f"deliveries late by up to {weather.delay_s:g} s, the index by up to {weather.lag_s:g} s",
        f"change to row:   {outcome.from_change}",
        f"delivery to row: {outcome.from_delivery}",
        f"{outcome.requests} requests, {outcome.requests_an_issue:.3f} a changed issue; {outcome.points} points",
        f"  {top}",
        "processor seconds: " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in outcome.work.items()),
    ]
    if outcome.kills:
        lines.append(f"killed {len(outcome.kills)} times: {', '.join(outcome.kills)}")
    if outcome.polled_after_s is not None:
        lines.append(
            f"webhooks and {outcome.polls} poll(s) made the tables equal the site {outcome.polled_after_s:.0f} s after the"
            f" last change, apart from {outcome.sweep_count} issues that vanished without a webhook"
        )
    if outcome.true_after_s is not None:
        lines.append(f"sweeps made them equal {outcome.true_after_s:.0f} s after the last change")
    else:
        lines.append(f"DIFFERENT: {len(outcome.differences)} fields\n{rows.summary(outcome.differences)}")
    lines += [f"FEED: {problem}" for problem in outcome.feed_problems]
    lines += [f"ENDED: {role}" for role in outcome.failures]
    return lines


def main(weather: Weather) -> int:
    """Run a storm and print its figures. Returns the exit status."""

    def say(words: str) -> None:
        sys.stdout.write(f"{words}\n")
        sys.stdout.flush()

    log = Path(tempfile.gettempdir()) / f"storm-{os.getpid()}.log"
    with open_stage(weather) as stage:
        try:
            outcome = run(weather, stage, say)
        finally:
            shutil.copy(stage.folder / "app.log", log)
            say(f"the app's log: {log}")
    for line in report(weather, outcome):
        say(line)
    return 0 if outcome.is_good else 1
