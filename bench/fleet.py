"""Waiting times of thousands of tenants that share the app's points, with the real limiter on a real Valkey.

    python -m bench.fleet --tenants 5000               # a full fleet
    python -m bench.fleet --tenants 500 --days 28      # a tenth of the tenants with a tenth of the points

`app.jira.limits` admits and settles every page of 100 issues; the simulation advances its clock. Simplifications: a site
answers at once and has one request in flight, at most 50 pages per minute; an issue costs one point and a page one more,
without top-ups; after the limiter has refused backfill for an hour, all other requests of this hour move to the next hour
as waiting, without a call of the limiter for each.

Sizes are log-normal from a seed: median 2,000 issues, sigma 1.5, at least 50 and at most 500,000. The points per tenant
are constant: 65,000 per hour for 5,000 tenants. Webhooks and polls take a tenth of them in every hour.

First come, first served is the same fleet with the same points, one backfill after the other in order of arrival.
"""

from __future__ import annotations

import argparse
import heapq
import logging
import math
import random
import statistics
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from redis import Redis
from rich.progress import Progress

from app import clock, embedded
from app.errors import JiraBusy
from app.jira.endpoints import endpoint_of
from app.jira.limits import PARTS, Limiter, Purpose
from bench.figure import Figure, table

if TYPE_CHECKING:
    from collections.abc import Sequence

MEDIAN, SIGMA, SMALLEST, LARGEST = 2000, 1.5, 50, 500_000
POINTS_A_TENANT = 65_000 / 5000
LIVE = 0.1
"""Share of webhooks and polls in the points."""
PAGE, _BETWEEN = 100, 1.2
"""Issues per page; seconds between two pages of a site."""
_HOUR, _DAY = 3600.0, 86400.0
_SEARCH, _ISSUE = endpoint_of("POST", "/rest/api/3/search/jql"), endpoint_of("GET", "/rest/api/3/issue/1")
_START = datetime(2026, 1, 5, tzinfo=UTC).timestamp()


@dataclass
class Tenant:
    """One site; times are seconds since the start of the simulation."""

    number: int
    issues: int
    arrival: float
    remaining_issues: int
    first_page: float | None = None
    completion: float | None = None

    @property
    def site(self) -> str:
        """The site's address."""
        return f"https://site-{self.number}.atlassian.net"


def fleet(tenants: int, *, over: float, seed: int) -> list[Tenant]:
    """Return tenants in order of arrival, uniformly distributed over `over` seconds."""
    chance = random.Random(seed)  # noqa: S311 - reproducible, not secret
    tenant_list = []
    for number in range(tenants):
        size = min(LARGEST, max(SMALLEST, round(chance.lognormvariate(math.log(MEDIAN), SIGMA))))
        tenant_list.append(Tenant(number, size, chance.uniform(0, over), size))
    return sorted(tenant_list, key=lambda tenant: tenant.arrival)


@dataclass
class Outcome:
    """The result of one simulation."""

    waits: list[float]
    """Hours from arrival to the first stored page."""
    complete: float
    """Hours until all tenants were complete."""
    waste: float
    """Share of unused points among those for backfill in hours with demand."""
    live_refusals: int = 0
    """Requests of webhooks and polls without points."""
    completion_waits: Sequence[float] = ()

    @property
    def unfairness(self) -> float:
        """The largest wait relative to the median."""
        return max(self.waits) / max(statistics.median(self.waits), 1 / 60)


class Simulation:
    """A fleet in front of the limiter."""

    def __init__(self, redis: Redis, tenants: list[Tenant]) -> None:
        self._redis, self._tenants = redis, tenants
        self._points = round(POINTS_A_TENANT * len(tenants))
        self._limiter = Limiter(redis, site_concurrency=8, app_points_per_hour=self._points, patience=0.0)
        self._queue = [(tenant.arrival, tenant.number, tenant) for tenant in tenants]
        heapq.heapify(self._queue)
        self._live_refusals = 0

    def run(self, title: str) -> Outcome:
        """Advance the time until all tenants are complete."""
        total, hour = sum(tenant.issues for tenant in self._tenants), -1
        with Progress(transient=True) as bar:
            task = bar.add_task(title, total=total)
            while self._queue:
                now, _, tenant = heapq.heappop(self._queue)
                if int(now // _HOUR) > hour:
                    hour = int(now // _HOUR)
                    self._live(hour)
                before = tenant.remaining_issues
                next_time = self._page(tenant, now)
                bar.advance(task, before - tenant.remaining_issues)
                if next_time is not None:
                    heapq.heappush(self._queue, (next_time, tenant.number, tenant))
        end = max(tenant.completion or 0.0 for tenant in self._tenants)
        return Outcome(
            waits=[((tenant.first_page or 0.0) - tenant.arrival) / _HOUR for tenant in self._tenants],
            complete=end / _HOUR,
            waste=self._waste(),
            live_refusals=self._live_refusals,
            completion_waits=[((tenant.completion or 0.0) - tenant.arrival) / _HOUR for tenant in self._tenants],
        )

    def _at(self, now: float) -> None:
        seconds, micros = self._redis.time()
        self._limiter.offset_ms = round((_START + now - seconds) * 1000 - micros / 1000)

    def _page(self, tenant: Tenant, now: float) -> float | None:
        """Read one page of a tenant. Returns the time of its next request, None after the last page."""
        self._at(now)
        size = min(PAGE, tenant.remaining_issues)
        try:
            with self._limiter.admit(
                tenant.site, _SEARCH, purpose=Purpose.BACKFILL, expected_points=1 + PAGE
            ) as permit:
                permit.settle(200, {}, {"issues": [None] * size})
        except JiraBusy as busy:
            wait = (busy.retry_at - clock.now()).total_seconds()
            if "are used up" in str(busy):
                self._close_hour(now)
            return now + max(0.05, wait)
        tenant.remaining_issues -= size
        if tenant.first_page is None:
            tenant.first_page = now
        if tenant.remaining_issues == 0:
            tenant.completion = now
            return None
        return now + _BETWEEN

    def _close_hour(self, now: float) -> None:
        """Move all backfill requests of this hour to the first minute of the next hour."""
        end = (now // _HOUR + 1) * _HOUR
        late = [entry for entry in self._queue if entry[0] < end and entry[2].arrival <= now]
        if not late:
            return
        entries = [entry for entry in self._queue if entry[0] >= end or entry[2].arrival > now]
        chance = random.Random(round(end))  # noqa: S311 - reproducible, not secret
        spread_s = min(60.0, 1 + (end - now) / 50)
        self._queue = entries + [(end + chance.uniform(0, spread_s), number, tenant) for _, number, tenant in late]
        heapq.heapify(self._queue)
        until = {tenant.site: round((_START + end + 90) * 1000) for _, _, tenant in late}
        self._redis.zadd("jira:waiting", until, gt=True)

    def _live(self, hour: int) -> None:
        """Book the share of webhooks for an hour at its beginning, in one request."""
        self._at(hour * _HOUR + 0.05)  # after the full hour, or both hours would count it
        want = round(LIVE * self._points)
        try:
            with self._limiter.admit(
                "https://live.atlassian.net", _ISSUE, purpose=Purpose.READ_THROUGH, expected_points=want
            ):
                pass
        except JiraBusy:
            self._live_refusals += 1

    def _waste(self) -> float:
        """Return the share of unused backfill points, in hours with more demand than points."""
        could = usage = 0.0
        budget = self._points * PARTS[Purpose.BACKFILL] - round(LIVE * self._points)
        last = int(max(tenant.completion or 0.0 for tenant in self._tenants) // _HOUR)
        for hour in range(last):
            if self._backlog((hour + 1) * _HOUR):
                moment = datetime.fromtimestamp(_START + hour * _HOUR, UTC)
                points = self._limiter.accounts.spent_by_app(moment).get("backfill", 0)
                could, usage = could + budget, usage + min(budget, points)
        return 1 - usage / could if could else 0.0

    def _backlog(self, at: float) -> bool:
        return any(tenant.arrival < at - _HOUR and (tenant.completion or 0.0) > at for tenant in self._tenants)


def first_come(tenants: Sequence[Tenant]) -> Outcome:
    """Simulate one backfill after the other in order of arrival, with the same points."""
    budget = round(POINTS_A_TENANT * len(tenants)) * (PARTS[Purpose.BACKFILL] - LIVE) / _HOUR
    free, waits = 0.0, []
    for tenant in tenants:
        start = max(free, tenant.arrival)
        waits.append((start + (1 + PAGE) / budget - tenant.arrival) / _HOUR)
        free = start + (tenant.issues + math.ceil(tenant.issues / PAGE)) / budget
    return Outcome(waits=waits, complete=free / _HOUR, waste=0.0)


def simulate(tenants: int, *, over: float, seed: int = 1, title: str = "fleet") -> tuple[Outcome, Outcome]:
    """Simulate a fleet with the limiter, and with first come, first served."""
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded.running(Path(folder), postgres=False, valkey=True) as servers,
    ):
        redis = Redis.from_url(str(servers.redis_url))
        tenant_list = fleet(tenants, over=over, seed=seed)
        try:
            return Simulation(redis, tenant_list).run(title), first_come(fleet(tenants, over=over, seed=seed))
        finally:
            redis.close()


def figures(tenants: int, days: float, seed: int = 1) -> list[Figure]:
    """Return the figures of both policies for one distribution of arrivals."""
    limiter_outcome, queue_outcome = simulate(
        tenants, over=days * _DAY, seed=seed, title=f"{tenants} tenants over {days:g} days"
    )
    label = f"fleet: {tenants:,} tenants within {days:g} days"
    rows = []
    for name, outcome in (("limiter", limiter_outcome), ("first come first served", queue_outcome)):
        waits = sorted(outcome.waits)
        p95 = waits[math.ceil(0.95 * len(waits)) - 1]
        wait_note = f"p95 {p95:.1f} h, max {waits[-1]:.1f} h"
        rows += [
            Figure(
                f"{label}: first data, {name}",
                statistics.median(waits) * 60,
                "minutes, median",
                tenants,
                note=wait_note,
            ),
            Figure(
                f"  largest wait over median, {name}",
                outcome.unfairness * 100,
                "hundredths",
                tenants,
                note=f"{outcome.unfairness:.2f}; all complete after {outcome.complete:,.0f} h",
            ),
        ]
    median_hours = statistics.median(limiter_outcome.completion_waits)
    note = f"median tenant complete after {median_hours:.1f} h; live requests refused for points: {limiter_outcome.live_refusals}"
    return [*rows, Figure("  points wasted, limiter", limiter_outcome.waste * 1000, "thousandths", tenants, note=note)]


def run() -> list[Figure]:
    """Measure a tenth of 5,000 tenants with a tenth of the points, within a day and within four weeks."""
    return [*figures(500, 1), *figures(500, 28)]


def main() -> None:
    """Print the figures as a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.fleet", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--tenants", type=int, default=500)
    parser.add_argument("--days", type=float, action="append", help="period of their arrivals; may be repeated (1)")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rows = [figure for days in arguments.days or [1.0] for figure in figures(arguments.tenants, days, arguments.seed)]
    sys.stdout.write(f"{table(rows)}\n")


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    main()
