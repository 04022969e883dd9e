"""A hundred backfills with a process killed at a random moment: all end equal to the site's truth.

In each run a site pairs, is backfilled and sends webhooks meanwhile. The seed decides which process gets SIGKILL, when, and
how long it stays down; unanswered webhooks are sent again, as Jira does. The site counts repeated work: issues and lists
that it answers for the second time, over all its answers.
"""

from __future__ import annotations

import contextlib
import statistics
import threading
import time
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

import requests

from bench.checksums import differences
from sandbox.connect.tokens import Address, server_token
from tests.soak.report import Bar, say
from tests.soak.stand import Stand, pause, running_stand
from tests.story.processes import wait_for

if TYPE_CHECKING:
    from bench.simulator import Simulator
    from tests.factories import InstalledSite

VICTIMS = ("web", "worker", "workers", "clock", "valkey", "valkey and its data", "postgres")
"""`worker` is one process of the pool, `workers` the whole pool at once, as when a machine fails."""
LONGEST_OUTAGE_S = 3.0
DELIVERIES = 10
PATIENCE = 240.0
HIGHEST_REPEATED_SHARE = 3.0
"""Percent of the work that may be repeated, in the median."""


@dataclass
class Run:
    """One backfill and the process that was killed during it."""

    seed: int
    victim: str
    after: float
    """Seconds from the request for a plan to the kill."""
    seconds: float = 0.0
    """From the plan to verified complete and all webhooks handled."""
    repeated_share: float = 0.0
    """Percent of the points that the site charged for repeated answers."""
    repeated_points: dict[str, int] = field(default_factory=dict)
    """Points of repeated answers, by endpoint."""
    problems: list[str] = field(default_factory=list)

    @property
    def is_equal(self) -> bool:
        return not self.problems


def crashes(site: Simulator, runs: int, seed: int, victims: tuple[str, ...] = VICTIMS) -> list[Run]:
    """Run backfills one after the other on one stand. The first is left alone, to measure the usual duration."""
    results: list[Run] = []
    with running_stand("web", "worker", "clock") as stand, Bar("crashes", runs) as bar:
        calm = _run(stand, site, Run(seed, "nobody", 0.0), Random(seed))
        bar.note(_line(calm))
        for number in range(seed, seed + runs):
            chance = Random(number)
            run = Run(number, chance.choice(victims), chance.uniform(0, calm.seconds))
            results.append(_run(stand, site, run, chance))
            bar.advance(_line(results[-1]))
    return results


def _run(stand: Stand, site: Simulator, run: Run, chance: Random) -> Run:
    site.reset()
    installation, integration = stand.pair(site.url)
    start = time.monotonic()
    stand.begin(installation.tenant_id)
    hooks = threading.Thread(target=_deliver, args=(stand, installation, Random(run.seed)))
    hooks.start()
    if run.victim != "nobody":
        pause(start + run.after - time.monotonic())
        _kill(stand, run.victim, chance)
    try:
        wait_for(lambda: stand.is_verified(integration), PATIENCE, lambda: str(stand.status(integration)))
        hooks.join()
        wait_for(lambda: stand.waiting_deliveries() == 0, PATIENCE, lambda: "webhooks are still waiting")
        run.problems = differences(stand.database_url, site)
    except AssertionError as error:
        run.problems = [str(error)]
        hooks.join()
    run.seconds = time.monotonic() - start
    counters = site.counters()
    run.repeated_share = 100 * counters["repeated"] / max(1, counters["points"])
    run.repeated_points = counters["repeated_by_template"]
    for role in stand.dead():
        run.problems.append(f"{role} ended by itself")
        stand.revive(role)
    stand.clear()
    return run


def _kill(stand: Stand, victim: str, chance: Random) -> None:
    """Send SIGKILL and restart the victim after a while, as a supervisor would; the pool restarts its own workers."""
    outage_s = chance.uniform(0, LONGEST_OUTAGE_S)
    if victim == "worker":
        stand.kill_worker(chance.random())
    elif victim in {"web", "workers", "clock"}:
        role = victim.removesuffix("s")
        stand.app.kill(role)
        pause(outage_s)
        stand.revive(role)
    else:
        stand.kill_server(victim.split(maxsplit=1)[0], loses_data=victim.endswith("data"))
        pause(outage_s)
        stand.revive_servers()


def _deliver(stand: Stand, site: InstalledSite, chance: Random) -> None:
    """Send webhooks at random moments, each until it is answered."""
    path = "/connect/webhooks/jira.issue_updated"
    for number in range(DELIVERIES):
        pause(chance.uniform(0, 1))
        token = server_token(site.shared_secret, site.client_key, Address(stand.app.url), "POST", stand.app.url + path)
        headers = {"Authorization": f"JWT {token}", "X-Atlassian-Webhook-Identifier": f"{site.client_key}-{number}"}
        body = {"webhookEvent": "jira:issue_updated", "issue": {"id": f"1{0:04d}{number:05d}"}}
        for _ in range(300):
            with contextlib.suppress(requests.RequestException):
                if requests.post(stand.app.url + path, json=body, headers=headers, timeout=10).status_code == 204:
                    break
            pause(0.2)


def _line(run: Run) -> str:
    fate = f"{run.victim} killed after {run.after:4.1f} s" if run.victim != "nobody" else "nobody killed"
    end = "equal" if run.is_equal else f"DIFFERENT: {'; '.join(run.problems)}"
    repetition = f"{run.repeated_share:4.1f} % repeated"
    if run.repeated_share > 1:
        repetition += f" ({', '.join(f'{endpoint} {points}' for endpoint, points in run.repeated_points.items())})"
    return f"seed {run.seed}: {fate}, verified after {run.seconds:5.1f} s, {repetition}, {end}"


def report(runs: list[Run]) -> int:
    """Print the results by victim and in total. Returns the exit status."""
    for victim in [role for role in VICTIMS if any(run.victim == role for run in runs)]:
        group = [run for run in runs if run.victim == victim]
        shares = [run.repeated_share for run in group]
        say(
            f"{victim:<20} {sum(run.is_equal for run in group):>3} of {len(group):>3} equal,"
            f" verified after {statistics.median(run.seconds for run in group):5.1f} s (at most"
            f" {max(run.seconds for run in group):5.1f}), repeated {statistics.median(shares):4.1f} %"
            f" (at most {max(shares):4.1f})"
        )
    share = statistics.median(run.repeated_share for run in runs)
    equal_count = sum(run.is_equal for run in runs)
    say(f"{equal_count} of {len(runs)} runs ended equal to the site's truth; median of repeated work: {share:.2f} %")
    return 0 if equal_count == len(runs) and share < HIGHEST_REPEATED_SHARE else 1
