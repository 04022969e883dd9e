"""A hundred backfills, in each of which a process dies by SIGKILL at a random moment: all end equal to the site's truth.

Each run has a site that pairs, is backfilled and sends webhooks meanwhile. By its seed it draws who dies, when, and how
long it stays dead; a webhook that was not answered is sent again, as Jira does. Work that is done twice is counted by the
site: issues and lists that it had answered before, over all that it answered.
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

from bench.ingest import differences
from sandbox.connect.tokens import Address, server_token
from tests.soak.report import Bar, say
from tests.soak.stand import Stand, pause, standing
from tests.story.processes import wait_for

if TYPE_CHECKING:
    from bench.simulator import Simulator
    from tests.factories import InstalledSite

VICTIMS = ("web", "worker", "workers", "clock", "valkey", "valkey and its data", "postgres")
"""`worker` is one process of the pool, `workers` the pool and all its processes at once, as when a machine dies."""
LONGEST_DEATH = 3.0
DELIVERIES = 10
PATIENCE = 240.0
MOST_REPEATED = 3.0
"""Percent of the work that may be done twice, in the median."""


@dataclass
class Run:
    """One backfill, and who died in it."""

    seed: int
    victim: str
    after: float
    """Seconds after the plan was asked for."""
    seconds: float = 0.0
    """From the plan to verified complete and all webhooks handled."""
    repeated: float = 0.0
    """Percent of what the site answered that it had answered before."""
    of_what: dict[str, int] = field(default_factory=dict)
    """The same in points, by endpoint."""
    wrong: list[str] = field(default_factory=list)

    @property
    def is_equal(self) -> bool:
        return not self.wrong


def crashes(site: Simulator, runs: int, seed: int, victims: tuple[str, ...] = VICTIMS) -> list[Run]:
    """So many runs on one stand; the first backfill is left alone, and tells how long one takes."""
    made: list[Run] = []
    with standing("web", "worker", "clock") as stand, Bar("crashes", runs) as bar:
        calm = _run(stand, site, Run(seed, "nobody", 0.0), Random(seed))
        bar.note(_line(calm))
        for number in range(seed, seed + runs):
            chance = Random(number)
            run = Run(number, chance.choice(victims), chance.uniform(0, calm.seconds))
            made.append(_run(stand, site, run, chance))
            bar.advance(_line(made[-1]))
    return made


def _run(stand: Stand, site: Simulator, run: Run, chance: Random) -> Run:
    site.reset()
    installed, integration = stand.pair(site.url)
    began = time.monotonic()
    stand.begin(installed.tenant_id)
    hooks = threading.Thread(target=_deliver, args=(stand, installed, Random(run.seed)))
    hooks.start()
    if run.victim != "nobody":
        pause(began + run.after - time.monotonic())
        _kill(stand, run.victim, chance)
    try:
        wait_for(lambda: stand.is_verified(integration), PATIENCE, lambda: str(stand.standing(integration)))
        hooks.join()
        wait_for(lambda: stand.waiting_deliveries() == 0, PATIENCE, lambda: "webhooks wait")
        run.wrong = differences(stand.database_url, site)
    except AssertionError as error:
        run.wrong = [str(error)]
        hooks.join()
    run.seconds = time.monotonic() - began
    counted = site.counters()
    run.repeated, run.of_what = 100 * counted["repeated"] / max(1, counted["points"]), counted["repeated_by_template"]
    for role in stand.dead():
        run.wrong.append(f"{role} ended by itself")
        stand.revive(role)
    stand.clear()
    return run


def _kill(stand: Stand, victim: str, chance: Random) -> None:
    """SIGKILL, and back again after a while; a supervisor or the pool itself starts what died."""
    down = chance.uniform(0, LONGEST_DEATH)
    if victim == "worker":
        stand.kill_worker(chance.random())
    elif victim in {"web", "workers", "clock"}:
        role = victim.removesuffix("s")
        stand.app.kill(role)
        pause(down)
        stand.revive(role)
    else:
        stand.kill_server(victim.split(maxsplit=1)[0], loses_data=victim.endswith("data"))
        pause(down)
        stand.revive_servers()


def _deliver(stand: Stand, site: InstalledSite, chance: Random) -> None:
    """Webhooks at random moments; each is sent until it is answered."""
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
    who = f"{run.victim} killed after {run.after:4.1f} s" if run.victim != "nobody" else "nobody killed"
    end = "equal" if run.is_equal else f"DIFFERENT: {'; '.join(run.wrong)}"
    twice = f"{run.repeated:4.1f} % done twice"
    if run.repeated > 1:
        twice += f" ({', '.join(f'{endpoint} {points}' for endpoint, points in run.of_what.items())})"
    return f"seed {run.seed}: {who}, verified after {run.seconds:5.1f} s, {twice}, {end}"


def told(runs: list[Run]) -> int:
    """Say how they went, by victim and together. Returns 0 where all is as it must be."""
    for victim in [each for each in VICTIMS if any(run.victim == each for run in runs)]:
        of = [run for run in runs if run.victim == victim]
        twice = [run.repeated for run in of]
        say(
            f"{victim:<20} {sum(run.is_equal for run in of):>3} of {len(of):>3} equal,"
            f" verified after {statistics.median(run.seconds for run in of):5.1f} s (most"
            f" {max(run.seconds for run in of):5.1f}), done twice {statistics.median(twice):4.1f} % (most {max(twice):4.1f})"
        )
    twice = statistics.median(run.repeated for run in runs)
    equal = sum(run.is_equal for run in runs)
    say(
        f"{equal} of {len(runs)} runs ended equal to the site's truth; {twice:.2f} % of the work was done twice in the median"
    )
    return 0 if equal == len(runs) and twice < MOST_REPEATED else 1
