"""Workers die during a backfill; the rows end up the same."""

from __future__ import annotations

import json
import math
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from flask import request

from app.store.tables import entity_tables
from sandbox import Options, Site, SiteKey, serve
from tests.soak.site import PERSON
from tests.soak.truth import differences
from tests.story.processes import RunningApp, running_app, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEED, ISSUES, ISSUES_AT_SCALE = 11, 240, 900


@pytest.fixture
def own_app(own_database_url: str, redis_url: str, key_host: str, tmp_path: Path) -> Iterator[RunningApp]:
    """The app on a database of its own, with a worker that the test may kill."""
    with running_app(
        database_url=own_database_url,
        redis_url=redis_url.replace("?db=0", "?db=2"),
        install_keys_url=key_host,
        log=tmp_path / "app.log",
    ) as product:
        yield product


def rows_of(database_url: str, site: Site) -> dict[str, list[tuple[Any, ...]]]:
    """All stored rows of a site, without book-keeping columns and the site's own address."""
    rows_of_table: dict[str, list[tuple[Any, ...]]] = {}
    with psycopg.connect(database_url) as connection:
        for name, table in entity_tables().items():
            columns = [f'"{column.name}"' for column in table.columns if column.name not in _BOOK_KEEPING]
            rows = connection.execute(
                f"SELECT id, replace((ROW({', '.join(columns)}))::text, %s, 'SITE') FROM {table.name}"
                " JOIN installations USING (tenant_id) WHERE client_key = %s ORDER BY id",
                (site.base_url, site.client_key),
            )
            rows_of_table[name] = list(rows)
    return rows_of_table


_BOOK_KEEPING = {"tenant_id", "read_at", "version"}


@dataclass
class Gate:
    """Holds a site's pages of whole issues back: no backfill ends behind the test's back."""

    condition: threading.Condition = field(default_factory=threading.Condition)
    permits: float = math.inf
    """Pages that may still pass."""
    shuttings: int = 0

    def let_through(self, pages: float) -> None:
        with self.condition:
            self.permits = pages
            self.condition.notify_all()

    def open(self) -> None:
        self.let_through(math.inf)

    def shut(self) -> None:
        """Hold all pages back; requests that wait by now, those of killed workers, pass without a permit."""
        with self.condition:
            self.permits, self.shuttings = 0, self.shuttings + 1
            self.condition.notify_all()

    def __call__(self, method: str, template: str, path: str) -> None:  # noqa: ARG002 - a fault hook's signature
        is_whole = request.args.get("fields", "").startswith("*all") and template.endswith("search/jql")
        if not (is_whole or template.endswith("issue/bulkfetch")):
            return
        with self.condition:
            before = self.shuttings
            self.condition.wait_for(lambda: self.permits > 0 or self.shuttings > before, 60)
            if self.shuttings == before:
                self.permits -= 1


def test_killed_workers_leave_the_rows_of_an_undisturbed_run(
    own_app: RunningApp, own_database_url: str, install_key: SiteKey, is_at_scale: bool
) -> None:
    issues = ISSUES_AT_SCALE if is_at_scale else ISSUES
    gate = Gate()
    calm = Site(dataset="seeded", seed=SEED, issues=issues, app_url=own_app.url, key=install_key)
    hit = Site(
        dataset="seeded",
        seed=SEED,
        issues=issues,
        app_url=own_app.url,
        key=install_key,
        options=Options(fault_hook=gate),
    )
    with serve(calm), serve(hit):
        own_app.wait_until_verified(own_app.pair(calm, "calm"))

        gate.shut()
        integration = own_app.pair(hit, "hit")
        before = 0
        for _kill in range(2):
            gate.let_through(1)
            wait_for(lambda count=before: stored_issues(own_app, integration) > count)  # type: ignore[misc]  # mypy sees a parameter
            own_app.kill("worker")
            before = stored_issues(own_app, integration)
            assert before < issues, "the backfill was over before the kill"
            time.sleep(0.5)
            assert stored_issues(own_app, integration) == before
            gate.shut()
            own_app.start("worker")
        gate.open()
        own_app.wait_until_verified(integration)

        rows_of_calm, rows_after_kills = rows_of(own_database_url, calm), rows_of(own_database_url, hit)
        assert len(rows_of_calm["issue"]) == issues
        for name, rows in rows_of_calm.items():
            assert rows_after_kills[name] == rows, name


@dataclass
class FeedReader:
    """A reader of the feed that notes each version of each row."""

    app: RunningApp
    integration: str
    cursor: str | None = None
    lines: list[tuple[str, str, int]] = field(default_factory=list)
    live: set[tuple[str, str]] = field(default_factory=set)

    def follow(self) -> None:
        """Read to the end of the feed as it is now."""
        has_more = True
        while has_more:
            parameters = {"limit": 500, **({"cursor": self.cursor} if self.cursor else {})}
            answer = self.app.api("GET", f"/integrations/{self.integration}/changes", params=parameters)
            assert answer.status_code == 200, answer.text
            *lines, last = map(json.loads, answer.text.splitlines())
            for line in lines:
                key = (line["entity"], line["id"])
                self.lines.append((*key, line["version"]))
                (self.live.add if line["op"] == "upsert" else self.live.discard)(key)
            self.cursor, has_more = answer.headers["X-Next-Cursor"], last["has_more"]


def test_app_token_and_app_again_amid_kills_end_equal_to_the_truth(
    own_app: RunningApp, own_database_url: str, install_key: SiteKey
) -> None:
    """One integration, one feed: nothing is lost or handed out twice while the method changes and workers die."""
    gate = Gate()
    options = Options(api_tokens=dict([PERSON]), fault_hook=gate)
    content = {"dataset": "seeded", "seed": SEED, "issues": ISSUES, "projects": 1}
    site = Site(**content, app_url=own_app.url, key=install_key, options=options)  # type: ignore[arg-type]  # a site's own options
    with serve(site):
        gate.shut()
        integration = own_app.pair(site, "moving")
        reader, count = FeedReader(own_app, integration), 0
        token = dict(zip(("email", "token"), PERSON, strict=True)) | {"url": site.base_url}
        for body in ({"method": "api_token", "credentials": token}, {"method": "connect_app"}):
            gate.let_through(1)
            wait_for(lambda before=count: stored_issues(own_app, integration) > before)  # type: ignore[misc]  # mypy sees a parameter
            answer = own_app.api(
                "POST", f"/integrations/{integration}/reauthenticate", json={**body, "unchecked": True}
            )
            assert (answer.status_code, answer.json()["id"]) == (200, integration), answer.text
            own_app.kill("worker")
            reader.follow()
            count = stored_issues(own_app, integration)
            assert count < ISSUES, "the backfill was over before the kill"
            gate.shut()
            own_app.start("worker")
        gate.open()
        own_app.wait_until_verified(integration)
        reader.follow()
        assert differences(own_database_url, site) == []
    assert len({*reader.lines}) == len(reader.lines), "a version was handed out twice"
    with psycopg.connect(own_database_url) as connection:
        stored_keys = {
            (name, row_id)
            for name, table in entity_tables().items()
            for (row_id,) in connection.execute(f"SELECT id FROM {table.name} WHERE deleted_at IS NULL")
        }
    assert reader.live == {key for key in stored_keys if key[0] in {line[0] for line in reader.lines}}


SETTINGS = {"jql": "issuetype in (Bug, Story)", "custom_fields": ["customfield_10020"], "excluded_fields": ["summary"]}


def test_settings_that_change_amid_kills_end_as_those_of_a_fresh_backfill(
    own_app: RunningApp, own_database_url: str, install_key: SiteKey
) -> None:
    content = {"dataset": "seeded", "seed": SEED, "issues": ISSUES, "projects": 2}
    calm = Site(**content, app_url=own_app.url, key=install_key)  # type: ignore[arg-type]  # a site's own options
    hit = Site(**content, app_url=own_app.url, key=install_key)  # type: ignore[arg-type]  # as above
    with serve(calm), serve(hit):
        own_app.wait_until_verified(own_app.pair(calm, "calm", settings=SETTINGS))
        integration = own_app.pair(hit, "hit")
        own_app.wait_until_verified(integration)
        hit.options.latency_ms = 150
        answer = own_app.api("PATCH", f"/integrations/{integration}", json={"settings": SETTINGS})
        assert answer.status_code == 200, answer.text
        for pause in (0.3, 0.6, 0.9):
            time.sleep(pause)
            own_app.kill("worker")
            own_app.start("worker")
        hit.options.latency_ms = 0
        wait_for(
            lambda: live_rows(own_database_url, hit) == live_rows(own_database_url, calm),
            explain=lambda: f"{own_app.progress(integration)}\n{own_app.tail()}",
        )
        assert 0 < len(live_rows(own_database_url, hit)["issue"]) < ISSUES


def live_rows(database_url: str, site: Site) -> dict[str, list[tuple[Any, ...]]]:
    """Live rows of a site, stubs and people aside: these follow from other rows."""
    with psycopg.connect(database_url) as connection:
        other_ids = {
            name: {
                row_id
                for (row_id,) in connection.execute(
                    f"SELECT id FROM {table.name} JOIN installations USING (tenant_id) WHERE client_key = %s"
                    f" AND (deleted_at IS NOT NULL{' OR is_stub' if 'is_stub' in table.c else ''})",
                    (site.client_key,),
                )
            }
            for name, table in entity_tables().items()
        }
    return {
        name: [row for row in rows if row[0] not in other_ids[name]]
        for name, rows in rows_of(database_url, site).items()
        if name != "user"
    }


def stored_issues(app: RunningApp, integration: str) -> int:
    entities = app.progress(integration)["entities"]
    return next((entity["done"] for entity in entities if entity["entity"] == "issue"), 0)
