"""Two traps that ingesters fall into: an issue that is always being edited, and a site at the date line."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.soak import time_travel
from tests.story.processes import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from sandbox import Site
    from tests.story.processes import RunningApp

TOUCHED_FOR = 40.0
"""Seconds for which the hot issue is edited."""


@pytest.fixture
def polled(app: RunningApp, a_site: Callable[..., Site], story_database_url: str) -> Iterator[Callable[..., Site]]:
    """Makes paired, verified sites that tell of nothing and are polled all the time."""
    over = threading.Event()
    threads = []

    def poll_on(client_key: str) -> None:
        while not over.wait(2):
            time_travel.make_due(story_database_url, client_key, "poll")

    def made(**given: Any) -> Site:
        site = a_site(**given)
        app.wait_until_verified(app.pair(site, "polled"))
        site.options.webhooks = False
        threads.append(threading.Thread(target=poll_on, args=(site.client_key,), daemon=True))
        threads[-1].start()
        return site

    yield made
    over.set()
    for each in threads:
        each.join()


def updated_of(database_url: str, site: Site, issue: str) -> int:
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT updated FROM jira_issue JOIN installations USING (tenant_id) WHERE client_key = %s AND id = %s",
            (site.client_key, issue),
        ).fetchone()
    return _ms(row[0]) if row else 0


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def test_an_issue_that_is_touched_all_the_time_is_never_starved(
    polled: Callable[..., Site], story_database_url: str
) -> None:
    """With an upper bound on `updated` it would lie beyond each poll's window, and would never be read."""
    site = polled(issues=40, projects=2, seed=51)
    # Between the moment at which a query is made and the one at which it is answered the issue is edited again.
    site.options.latency_ms = 1200
    hot = next(site.world.searchable()).id
    lags = []
    until = time.monotonic() + TOUCHED_FOR
    while time.monotonic() < until:
        site.mutate("update_issue", issue=hot, fields={"summary": f"At {time.time()}"})
        time.sleep(0.5)
        lags.append(site.world.issues[hot].updated_ms - updated_of(story_database_url, site, hot))
    settled = lags[len(lags) // 2 :]
    assert max(settled) < 25_000, f"its row is up to {max(settled) / 1000:.0f} s old"
    wait_for(lambda: updated_of(story_database_url, site, hot) == site.world.issues[hot].updated_ms, 30)


@pytest.mark.parametrize("zone", ["Pacific/Tongatapu", "Pacific/Pago_Pago"])
def test_a_site_whose_users_are_far_from_utc_loses_nothing(
    polled: Callable[..., Site], story_database_url: str, zone: str
) -> None:
    """UTC+13 and UTC-11: a bare date in a query would be read there, and half a day of changes fall out of it."""
    site = polled(issues=40, projects=2, seed=52, timezone=zone)
    changed = [site.mutate("update_issue")["issue_id"] for _ in range(12)]
    changed += [site.mutate("create_issue")["id"] for _ in range(3)]

    def arrived() -> bool:
        return all(
            updated_of(story_database_url, site, each) == site.world.issues[each].updated_ms for each in {*changed}
        )

    wait_for(arrived, 60)
