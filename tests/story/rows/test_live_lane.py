"""A webhook doesn't wait for another site's backfill."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sandbox import Options
from tests.story.processes import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Site
    from tests.story.processes import RunningApp


def test_a_webhook_is_read_while_every_worker_is_in_a_backfill(
    app: RunningApp, a_site: Callable[..., Site], story_database_url: str
) -> None:
    small = a_site(issues=20, projects=1, seed=31)
    integration = app.pair(small, "small")
    app.wait_until_verified(integration)
    large = a_site(issues=4000, projects=4, seed=32, options=Options(latency_ms=400))
    backfill = app.pair(large, "large")
    wait_for(lambda: issue_count(app, backfill) > 0, 60, app.tail)
    slowest = 0.0
    for number in range(4):
        start = time.monotonic()
        summary = f"Seen at once {number}"
        issue = small.mutate("update_issue", fields={"summary": summary})["issue_id"]
        wait_for(lambda issue=issue, summary=summary: shows(app, integration, issue, summary), 20, app.tail)  # type: ignore[misc]  # mypy sees parameters
        slowest = max(slowest, time.monotonic() - start)
    assert app.progress(backfill)["state"] == "backfilling", "the large site was done too soon to prove anything"
    assert slowest < 5, f"{slowest:.1f} s"
    app.api("DELETE", f"/integrations/{backfill}")


def issue_count(app: RunningApp, integration: str) -> int:
    return sum(entity["done"] for entity in app.progress(integration)["entities"] if entity["entity"] == "issue")


def shows(app: RunningApp, integration: str, issue: str, summary: str) -> bool:
    text = app.api("GET", f"/integrations/{integration}/changes", params={"entity": "issue", "limit": 5000}).text
    return any(f'"id":"{issue}"' in line and summary in line for line in text.splitlines())
