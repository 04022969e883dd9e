"""The steps of the demo: pairing, backfill, comparison, one change."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import requests
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from sandbox.demo.product import STEP_TIMEOUT_S, DemoFailedError, console, say, wait_for

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sandbox.demo.product import Api
    from sandbox.site import Site

UNCOUNTED_ENTITIES = frozenset({"board_configuration", "board_issue"})
"""Stored entities that the site does not count."""


def pair(site: Site, api: Api) -> str:
    """Install the app and pair the site. Returns the integration's id."""
    answer = site.install()
    say("installed", f"the site posted /connect/installed, signed with RS256; answer {answer.status}")
    draft = {"name": "Acme Jira", "product": "jira_cloud", "method": "connect_app"}
    integration = str(api.call("POST", "/integrations", json=draft).json()["id"])
    password = api.call("POST", f"/integrations/{integration}/otp").json()
    say("OTP minted", f"{password['otp']}, good for {password['expires_in']} s, once")
    pairing = requests.post(
        f"{api.url}/jira/pairing",
        json={"otp": password["otp"]},
        headers={"Authorization": f"JWT {site.context_token(site.admin)}"},
        timeout=30,
    )
    say("pasted", f"by Jira administrator {site.admin}; answer {pairing.status_code}")
    if not pairing.ok:
        raise DemoFailedError(pairing.text)
    say("paired", f"the site with integration “{pairing.json()['integration']['name']}”")
    checks = api.call("POST", f"/integrations/{integration}/validate").json()
    if not checks["ok"]:
        raise DemoFailedError(json.dumps(checks))
    say("validated", ", ".join(f"{check['name']} {'✓' if check['ok'] else '–'}" for check in checks["checks"]))
    return integration


def backfill(api: Api, integration: str) -> None:
    """Show the backfill until the integration is verified complete."""
    columns = (
        TextColumn("[bold]backfill[/]    "),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("rows"),
        TimeElapsedColumn(),
    )
    deadline = time.monotonic() + STEP_TIMEOUT_S
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("backfill", total=None)
        while True:
            progress = api.call("GET", f"/integrations/{integration}/progress").json()
            entities = [entity for entity in progress["entities"] if entity["expected"] is not None]
            bar.update(
                task,
                completed=sum(entity["done"] for entity in entities),
                total=sum(entity["expected"] for entity in entities) or None,
            )
            if progress["state"] == "healthy" and progress["verified_at"]:
                break
            if progress["state"] == "needs attention" or time.monotonic() > deadline:
                raise DemoFailedError(f"backfill: {progress['state']}, {progress['state_reason']}")
            time.sleep(0.2)
    say("verified complete", f"at {progress['verified_at']}")


def compare(site: Site, api: Api, integration: str, *, absent_ids: Mapping[str, Collection[str]] | None = None) -> None:
    """Compare the rows in the change feed with the site's own counts; `absent_ids` by entity can't be had."""
    row_counts, counts, absent_ids = _row_counts(api, integration), site.counts(), absent_ids or {}
    table = Table("entity", "rows", "on the site", title="Rows against the site’s own counts", title_justify="left")
    for heading in ("can’t be had", "") if absent_ids else ("",):
        table.add_column(heading)
    wrong = _wrong(row_counts, counts, absent_ids)
    for entity in sorted(counts):
        figures = [
            row_counts.get(entity, 0),
            counts[entity],
            *([len(absent_ids.get(entity, ()))] if absent_ids else []),
        ]
        table.add_row(entity, *map(str, figures), "✗" if entity in wrong else "✓")
    console.print(table)
    if wrong:
        raise DemoFailedError(f"rows differ: {sorted(wrong)}")


def is_whole(site: Site, api: Api, integration: str) -> bool:
    """Whether the feed holds as many rows as the site has objects."""
    return not _wrong(_row_counts(api, integration), site.counts(), {})


def _row_counts(api: Api, integration: str) -> dict[str, int]:
    lines, _ = api.changes(integration)
    return Counter(line["entity"] for line in lines if _is_row(line))


def _wrong(
    row_counts: Mapping[str, int], counts: Mapping[str, int], absent_ids: Mapping[str, Collection[str]]
) -> set[str]:
    """Entities with another number of rows than the site has objects that can be had."""
    expected_counts = {entity: count - len(absent_ids.get(entity, ())) for entity, count in counts.items()}
    wrong = {
        entity for entity, count in expected_counts.items() if not _agrees(entity, row_counts.get(entity, 0), count)
    }
    return wrong | (set(row_counts) - set(counts) - UNCOUNTED_ENTITIES)


def _is_row(line: Mapping[str, Any]) -> bool:
    """Whether a line brings an object that its own list holds, not one that only other objects name."""
    return line["op"] == "upsert" and not line["data"].get("is_stub")


def _agrees(entity: str, row_count: int, count: int) -> bool:
    """Whether the counts agree. Users may be fewer: Connect apps see only those in work data."""
    return 0 < row_count <= count if entity == "user" else row_count == count


def change(site: Site, api: Api, integration: str) -> None:
    """Change an issue in Jira and wait for it in the feed."""
    _, cursor = api.changes(integration)
    change = site.mutate("update_issue")
    start = time.monotonic()
    new_records: list[dict[str, Any]] = []

    def has_arrived() -> bool:
        new_records[:], _ = api.changes(integration, cursor)
        return any(line["entity"] == "issue" and line["id"] == change["issue_id"] for line in new_records)

    wait_for("the change to arrive", has_arrived)
    duration_ms = (time.monotonic() - start) * 1000
    say(
        "one webhook",
        f"{change['key']} changed in Jira; its new row was in the feed after {duration_ms:.0f} ms",
    )
    for line in new_records:
        text = json.dumps(line, ensure_ascii=False)
        say("change feed", text if len(text) < 160 else f"{text[:160]}…")  # noqa: PLR2004 - two lines of a terminal
