"""Speed of the ingest: worker processes as in production, real PostgreSQL and Valkey, the simulator as Jira.

    python -m bench.ingest --issues 20000 --latency 80 --latency 0    # against the bare loop and tap-jira
    python -m bench.ingest --issues 2000 --stages                     # time by stage

All processes share two cores: workers, PostgreSQL, Valkey, the simulator, and afterwards the peers.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

from app import jobs
from bench import peers, usage
from bench.checksums import differences
from bench.figure import Figure, table
from bench.product import (
    IN_FLIGHT,
    WORKERS,
    on_two_cores,
    pair,
    pair_by_token,
    running_product,
    wait_until_idle,
    wait_until_verified,
)
from bench.simulator import ROOT, simulated
from bench.stages import STAGES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.runtime import Runtime
    from bench.peers import Speed
    from bench.simulator import Simulator
    from tests.story.processes import RunningApp

FULL = ((80, 20_000), (0, 20_000), (80, 200_000))
"""Latencies in ms and sizes of `make bench`."""
TAP_SECONDS = 300.0
"""Longest run of tap-jira."""
_TIMEOUT_S, _TIMEOUT_PER_THOUSAND_S = 300, 30
"""Longest run of an ingest, and the addition for each 1,000 issues."""
_TOP_UPS = ("issue/{}/changelog", "issue/{}/comment", "issue/{}/worklog", "issue/{}/remotelink")


def run() -> list[Figure]:
    """Measure all figures of the README's table."""
    results: dict[tuple[int, int], Run] = {}
    for latency, issues in FULL:
        results[latency, issues] = measure(issues, latency, with_peers=issues <= 20_000)  # noqa: PLR2004 - the peers' rate is the same at any size
    small, large = (results[80, issues].worker_mb for issues in (20_000, 200_000))
    return [
        *(figure for result in results.values() for figure in result.figures()),
        Figure("ingest: a worker's memory at 200,000 issues, of that at 20,000", 100 * large / small, "%", WORKERS),
        *stages(5000, 0),
    ]


@dataclass
class Run:
    """One ingest and its peers."""

    issues: int
    latency: int
    seconds: float
    """From the plan to the verification."""
    last_page: float
    """From the plan to the last answer."""
    counters: dict[str, Any]
    worker_mb: float
    worker_cpu: float
    postgres_cpu: float
    problems: list[str]
    by_token: bool = False
    peers: dict[str, Speed] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Issues per second, stored and verified."""
        return self.issues / self.seconds

    def points(self, *templates: str) -> float:
        """Return the points per issue for these endpoints, by default for all."""
        points: dict[str, int] = self.counters["points_by_template"]
        return sum(points.get(template, 0) for template in templates or points) / self.issues

    def figures(self) -> list[Figure]:
        """Return the rows of the table."""
        name = f"{self.issues:,} issues at {self.latency} ms{' by token' if self.by_token else ''}"
        top_ups, search, boards = self.points(*_TOP_UPS), self.points("search/jql"), self.points("board/{}/issue")
        counters, cpu = self.counters, {"workers": self.worker_cpu, "PostgreSQL": self.postgres_cpu}
        shares = ", ".join(f"{process} {seconds / self.issues * 1e6:.0f}" for process, seconds in cpu.items())
        simulator = f"the simulator {counters['cpu_seconds'] / self.issues * 1e6:.0f} on top"
        points = f"{search:.3f} an issue for search, {boards:.3f} for boards; top-ups {top_ups:.3f} on top"
        whole = (
            f"INCOMPLETE: {'; '.join(self.problems)}"
            if self.problems
            else "all entities complete, by count and checksum"
        )
        last = f"; the last answer after {self.last_page:.0f} s of {self.seconds:.0f}"
        flow = f"most in flight {counters['most_in_flight']}, {counters['bytes'] / 1e6:,.0f} MB"
        rows = [
            (f"ingest: {name}", self.rate, "issues/s", whole + last),
            (
                "  requests",
                counters["requests"],
                "requests",
                f"{counters['requests'] / self.issues:.3f} an issue; {flow}",
            ),
            ("  points", (self.points() - top_ups) * 1000, "points/1,000 issues", points),
            ("  peak memory of a worker", self.worker_mb, "MB", "VmHWM, shared pages included"),
            ("  CPU", sum(cpu.values()) / self.issues * 1e6, "µs/issue", f"{shares}; {simulator}"),
            *(
                (f"  {peer}", speed.rate, "issues/s", f"ingest is {self.rate / speed.rate:.2f} times that{_cut(speed)}")
                for peer, speed in self.peers.items()
            ),
        ]
        return [Figure(label, value, unit, self.issues, note=note) for label, value, unit, note in rows]


def _cut(speed: Speed) -> str:
    return "" if speed.is_whole else f"; stopped after {speed.issues:,} issues"


def measure(issues: int, latency: int, *, with_peers: bool, by_token: bool = False) -> Run:
    """Run one ingest from the plan to the verification, then its peers on the same simulator."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(on_two_cores())
        site = stack.enter_context(simulated(issues))
        site.reset(latency_ms=latency)
        with running_product() as (app, parts, servers):
            app.start("worker", "clock")
            wait_until_idle(app)
            result = _ingest(app, parts, site, usage.Postmaster.of(servers).pid, by_token=by_token)
            result.latency = latency
            result.problems = differences(str(app.env["DATABASE_URL"]), site)
        if with_peers:
            targets = site.gets()
            result.peers["bare loop, the same requests"] = peers.bare_loop(site, targets, IN_FLIGHT)
            pages = [target for target in targets if target[0] == "search/jql" and "%2Aall" in target[1]]
            result.peers["bare loop, issue pages alone"] = peers.bare_loop(site, pages, IN_FLIGHT)
            result.peers["tap-jira"] = peers.tap_jira(site, TAP_SECONDS)
    return result


def stages(issues: int, latency: int) -> list[Figure]:
    """Measure CPU and wall time per issue by stage, in one process with the threads of a worker."""
    with on_two_cores(), simulated(issues) as site, running_product() as (app, parts, servers):
        site.reset(latency_ms=latency)
        tenant = pair(parts, site.url)
        postmaster = usage.Postmaster.of(servers).pid
        before = usage.cpu_seconds(postmaster)
        command = [sys.executable, "-m", "bench.stages", str(tenant)]
        process = subprocess.run(command, cwd=ROOT, env=app.env, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
        postgres = usage.cpu_seconds(postmaster) - before
    report = json.loads(process.stdout.strip().splitlines()[-1])
    cpu, wall = report["cpu_by_stage"], report["wall_by_stage"]
    pace = f"{issues / report['wall']:.0f} issues/s by one process"
    rows = [(stage, cpu.get(stage, 0), f"{wall.get(stage, 0) / issues * 1e6:.0f} of threads' time") for stage in STAGES]
    rows += [
        ("other", report["cpu"] - sum(cpu.values()), "planning, logs, threads"),
        ("PostgreSQL", postgres, pace),
    ]
    return [
        Figure(
            f"stages: {issues:,} issues at {latency} ms: {stage}",
            seconds / issues * 1e6,
            "CPU µs/issue",
            issues,
            note=note,
        )
        for stage, seconds, note in rows
    ]


def _ingest(app: RunningApp, parts: Runtime, site: Simulator, postmaster: int, *, by_token: bool) -> Run:
    workers = app.processes["worker"].pid
    site.reset()
    cpu = usage.cpu_seconds(workers), usage.cpu_seconds(postmaster)
    start = time.monotonic()
    if by_token:
        pair_by_token(parts, site.url)
    else:
        jobs.enqueue(parts.redis, jobs.PLAN, str(pair(parts, site.url)))
    wait_until_verified(app, start + _TIMEOUT_S + _TIMEOUT_PER_THOUSAND_S * site.issues / 1000)
    seconds = time.monotonic() - start
    counters = site.counters()
    return Run(
        issues=site.issues,
        latency=0,
        seconds=seconds,
        last_page=max(counters["last_at"].values()),
        counters=counters,
        worker_mb=max(usage.peak_mb(pid) for pid in usage.descendants(workers)[1:]),
        worker_cpu=usage.cpu_seconds(workers) - cpu[0],
        postgres_cpu=usage.cpu_seconds(postmaster) - cpu[1],
        problems=[],
        by_token=by_token,
    )


def main(arguments: argparse.Namespace, output: TextIO = sys.stdout) -> None:
    """Print the figures as a table."""
    figures: Sequence[Figure] = []
    for issues in arguments.issues or [2000]:
        for latency in arguments.latency or [0]:
            if arguments.stages:
                figures = [*figures, *stages(issues, latency)]
            else:
                for by_token in (False, True) if arguments.tokens else (False,):
                    run_of_method = measure(
                        issues, latency, with_peers=not (arguments.alone or by_token), by_token=by_token
                    )
                    figures = [*figures, *run_of_method.figures()]
    output.write(f"{table(figures)}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m bench.ingest", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--issues", type=int, action="append", help="size of the site; may be repeated (2000)")
    parser.add_argument(
        "--latency", type=int, action="append", help="latency of every answer in ms; may be repeated (0)"
    )
    parser.add_argument("--alone", action="store_true", help="without the peers")
    parser.add_argument("--tokens", action="store_true", help="by the app, then by an API token")
    parser.add_argument("--stages", action="store_true", help="time by stage, in one process")
    main(parser.parse_args())
