"""Thousands of tenants share the app's points: who waits how long, by the real limiter on a real Valkey.

    python -m bench.fleet --tenants 5000               # as many as the issue asks for
    python -m bench.fleet --tenants 500 --days 28      # a tenth of the tenants with a tenth of the points

Every page of 100 issues is admitted and settled by `app.jira.limits`, whose clock is moved from moment to moment. What is
simplified: a site answers at once and has one request under way, 50 pages a minute at most; an issue costs one point
and a page one more, top-ups are left out; and once the limiter has said that the hour is used up for backfill, those who
would ask in the rest of that hour are sent to the next one without being asked one by one, enrolled as waiting as it would do.

Sizes are log-normal: median 2,000 issues, sigma 1.5, at least 50 and at most 500,000, from a seed. Points fall with the
number of tenants, so that a smaller fleet has the same points a tenant: 65,000 an hour for 5,000. Webhooks and polls take
a tenth of them all the time.

First come, first served is the same fleet with the same points, one backfill after the other in the order of arrival.
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
"""Of the hour's points that webhooks and polls take."""
PAGE, _BETWEEN = 100, 1.2
"""Issues a page; seconds between two pages of a site."""
_HOUR, _DAY = 3600.0, 86400.0
_SEARCH, _ISSUE = endpoint_of("POST", "/rest/api/3/search/jql"), endpoint_of("GET", "/rest/api/3/issue/1")
_START = datetime(2026, 1, 5, tzinfo=UTC).timestamp()


@dataclass
class Tenant:
    """One site; times are seconds since the fleet began."""

    number: int
    issues: int
    arrived: float
    left: int
    first: float | None = None
    done: float | None = None

    @property
    def site(self) -> str:
        """Its address."""
        return f"https://site-{self.number}.atlassian.net"


def fleet(tenants: int, *, over: float, seed: int) -> list[Tenant]:
    """Tenants by their arrival, spread evenly at random over so many seconds."""
    chance = random.Random(seed)  # noqa: S311 - reproducible, not secret
    made = []
    for number in range(tenants):
        size = min(LARGEST, max(SMALLEST, round(chance.lognormvariate(math.log(MEDIAN), SIGMA))))
        made.append(Tenant(number, size, chance.uniform(0, over), size))
    return sorted(made, key=lambda each: each.arrived)


@dataclass
class Outcome:
    """How one fleet fared."""

    waits: list[float]
    """Hours from arrival to the first page stored."""
    complete: float
    """Hours until all were complete."""
    wasted: float
    """Of the points that backfill might have spent while somebody wanted them."""
    live_refused: int = 0
    """Requests of webhooks and polls that found no points."""
    waits_done: Sequence[float] = ()

    @property
    def unfairness(self) -> float:
        """The largest wait over the median."""
        return max(self.waits) / max(statistics.median(self.waits), 1 / 60)


class Simulation:
    """A fleet before the limiter."""

    def __init__(self, redis: Redis, tenants: list[Tenant]) -> None:
        self._redis, self._tenants = redis, tenants
        self._points = round(POINTS_A_TENANT * len(tenants))
        self._limiter = Limiter(redis, site_concurrency=8, app_points_per_hour=self._points, patience=0.0)
        self._queue = [(each.arrived, each.number, each) for each in tenants]
        heapq.heapify(self._queue)
        self._live_refused = 0

    def run(self, title: str) -> Outcome:
        """Let time pass until all are complete."""
        total, hour = sum(each.issues for each in self._tenants), -1
        with Progress(transient=True) as bar:
            task = bar.add_task(title, total=total)
            while self._queue:
                now, _, tenant = heapq.heappop(self._queue)
                if int(now // _HOUR) > hour:
                    hour = int(now // _HOUR)
                    self._live(hour)
                before = tenant.left
                again = self._page(tenant, now)
                bar.advance(task, before - tenant.left)
                if again is not None:
                    heapq.heappush(self._queue, (again, tenant.number, tenant))
        ended = max(each.done or 0.0 for each in self._tenants)
        return Outcome(
            waits=[((each.first or 0.0) - each.arrived) / _HOUR for each in self._tenants],
            complete=ended / _HOUR,
            wasted=self._wasted(),
            live_refused=self._live_refused,
            waits_done=[((each.done or 0.0) - each.arrived) / _HOUR for each in self._tenants],
        )

    def _at(self, now: float) -> None:
        seconds, micros = self._redis.time()
        self._limiter.offset_ms = round((_START + now - seconds) * 1000 - micros / 1000)

    def _page(self, tenant: Tenant, now: float) -> float | None:
        """One page of a tenant. Returns when it asks again, None once it has all."""
        self._at(now)
        size = min(PAGE, tenant.left)
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
        tenant.left -= size
        if tenant.first is None:
            tenant.first = now
        if tenant.left == 0:
            tenant.done = now
            return None
        return now + _BETWEEN

    def _close_hour(self, now: float) -> None:
        """Nobody gets a page of backfill any more in this hour: all who would ask come in the next, a minute spread."""
        end = (now // _HOUR + 1) * _HOUR
        late = [each for each in self._queue if each[0] < end and each[2].arrived <= now]
        if not late:
            return
        kept = [each for each in self._queue if each[0] >= end or each[2].arrived > now]
        chance = random.Random(round(end))  # noqa: S311 - reproducible, not secret
        spread = min(60.0, 1 + (end - now) / 50)
        self._queue = kept + [(end + chance.uniform(0, spread), number, each) for _, number, each in late]
        heapq.heapify(self._queue)
        until = {each.site: round((_START + end + 90) * 1000) for _, _, each in late}
        self._redis.zadd("jira:waiting", until, gt=True)

    def _live(self, hour: int) -> None:
        """Webhooks take their part at the beginning of every hour, in one booking as large as all of them."""
        self._at(hour * _HOUR + 0.05)  # safely behind the full hour, or it would count in both
        want = round(LIVE * self._points)
        try:
            with self._limiter.admit(
                "https://live.atlassian.net", _ISSUE, purpose=Purpose.READ_THROUGH, expected_points=want
            ):
                pass
        except JiraBusy:
            self._live_refused += 1

    def _wasted(self) -> float:
        """Part of what backfill might have spent, in the hours in which somebody wanted more than there was."""
        could = spent = 0.0
        budget = self._points * PARTS[Purpose.BACKFILL] - round(LIVE * self._points)
        last = int(max(each.done or 0.0 for each in self._tenants) // _HOUR)
        for hour in range(last):
            if self._backlog((hour + 1) * _HOUR):
                moment = datetime.fromtimestamp(_START + hour * _HOUR, UTC)
                used = self._limiter.accounts.spent_by_app(moment).get("backfill", 0)
                could, spent = could + budget, spent + min(budget, used)
        return 1 - spent / could if could else 0.0

    def _backlog(self, at: float) -> bool:
        return any(each.arrived < at - _HOUR and (each.done or 0.0) > at for each in self._tenants)


def first_come(tenants: Sequence[Tenant]) -> Outcome:
    """The same points in the order of arrival, one backfill after the other."""
    budget = round(POINTS_A_TENANT * len(tenants)) * (PARTS[Purpose.BACKFILL] - LIVE) / _HOUR
    free, waits = 0.0, []
    for each in tenants:
        start = max(free, each.arrived)
        waits.append((start + (1 + PAGE) / budget - each.arrived) / _HOUR)
        free = start + (each.issues + math.ceil(each.issues / PAGE)) / budget
    return Outcome(waits=waits, complete=free / _HOUR, wasted=0.0)


def simulate(tenants: int, *, over: float, seed: int = 1, title: str = "fleet") -> tuple[Outcome, Outcome]:
    """A fleet by our limiter, and first come, first served."""
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded.running(Path(folder), postgres=False, valkey=True) as servers,
    ):
        redis = Redis.from_url(str(servers.redis_url))
        made = fleet(tenants, over=over, seed=seed)
        try:
            return Simulation(redis, made).run(title), first_come(fleet(tenants, over=over, seed=seed))
        finally:
            redis.close()


def figures(tenants: int, days: float, seed: int = 1) -> list[Figure]:
    """One kind of arrival, ours beside the other."""
    ours, theirs = simulate(tenants, over=days * _DAY, seed=seed, title=f"{tenants} tenants over {days:g} days")
    label = f"fleet: {tenants:,} tenants within {days:g} days"
    found = []
    for name, outcome in (("limiter", ours), ("first come first served", theirs)):
        waits = sorted(outcome.waits)
        p95 = waits[math.ceil(0.95 * len(waits)) - 1]
        told = f"p95 {p95:.1f} h, max {waits[-1]:.1f} h"
        found += [
            Figure(
                f"{label}: first data, {name}", statistics.median(waits) * 60, "minutes, median", tenants, note=told
            ),
            Figure(
                f"  largest wait over median, {name}",
                outcome.unfairness * 100,
                "hundredths",
                tenants,
                note=f"{outcome.unfairness:.2f}; all complete after {outcome.complete:,.0f} h",
            ),
        ]
    done = statistics.median(ours.waits_done)
    note = f"median tenant complete after {done:.1f} h; live requests refused for points: {ours.live_refused}"
    return [*found, Figure("  points wasted, limiter", ours.wasted * 1000, "thousandths", tenants, note=note)]


def run() -> list[Figure]:
    """A tenth of 5,000 tenants with a tenth of the points: on one day, and over four weeks."""
    return [*figures(500, 1), *figures(500, 28)]


def main() -> None:
    """What was asked for, as a table."""
    asked = argparse.ArgumentParser(prog="python -m bench.fleet", description=(__doc__ or "").split("\n\n")[0])
    asked.add_argument("--tenants", type=int, default=500)
    asked.add_argument("--days", type=float, action="append", help="over which they arrive; may be repeated (1)")
    asked.add_argument("--seed", type=int, default=1)
    given = asked.parse_args()
    found = [figure for days in given.days or [1.0] for figure in figures(given.tenants, days, given.seed)]
    sys.stdout.write(f"{table(found)}\n")


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    main()
