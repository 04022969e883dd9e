"""Two traps for ingesters: a constantly edited issue, and a site at the date line."""

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
"""Duration of the edits of the hot issue in seconds."""


@pytest.fixture
def polled_site(app: RunningApp, a_site: Callable[..., Site], story_database_url: str) -> Iterator[Callable[..., Site]]:
    """Creates paired, verified sites without webhooks, polled all the time."""
    over = threading.Event()
    threads = []

    def poll_on(client_key: str) -> None:
        while not over.wait(2):
            time_travel.make_due(story_database_url, client_key, "poll")

    def made(**options: Any) -> Site:
        site = a_site(**options)
        app.wait_until_verified(app.pair(site, "polled"))
        site.options.webhooks = False
        threads.append(threading.Thread(target=poll_on, args=(site.client_key,), daemon=True))
        threads[-1].start()
        return site

    yield made
    over.set()
    for thread in threads:
        thread.join()


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
    polled_site: Callable[..., Site], story_database_url: str
) -> None:
    """With an upper bound on `updated` the issue would be outside each poll's window and never be read."""
    site = polled_site(issues=40, projects=2, seed=51)
    # Each query is answered after the next edit of the issue.
    site.options.latency_ms = 1200
    hot = next(site.world.searchable()).id
    lags = []
    until = time.monotonic() + TOUCHED_FOR
    while time.monotonic() < until:
        site.mutate("update_issue", issue=hot, fields={"summary": f"At {time.time()}"})
        time.sleep(0.5)
        lags.append(site.world.issues[hot].updated_ms - updated_of(story_database_url, site, hot))
    later_lags = lags[len(lags) // 2 :]
    assert max(later_lags) < 25_000, f"its row is up to {max(later_lags) / 1000:.0f} s old"
    wait_for(lambda: updated_of(story_database_url, site, hot) == site.world.issues[hot].updated_ms, 30)


@pytest.mark.parametrize("zone", ["Pacific/Tongatapu", "Pacific/Pago_Pago"])
def test_a_site_whose_users_are_far_from_utc_loses_nothing(
    polled_site: Callable[..., Site], story_database_url: str, zone: str
) -> None:
    """UTC+13 and UTC-11: Jira reads a bare date in the site's time zone, which would miss half a day of changes."""
    site = polled_site(issues=40, projects=2, seed=52, timezone=zone)
    changed_ids = [site.mutate("update_issue")["issue_id"] for _ in range(12)]
    changed_ids += [site.mutate("create_issue")["id"] for _ in range(3)]

    def arrived() -> bool:
        return all(
            updated_of(story_database_url, site, issue_id) == site.world.issues[issue_id].updated_ms
            for issue_id in {*changed_ids}
        )

    wait_for(arrived, 60)
