"""SEI reads the change feed: every change once, deletions included, in a resumable order; until it deletes the integration."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import requests

from app.store.tables import tenant_owned
from tests.story.processes import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Site
    from tests.story.processes import RunningApp


@pytest.fixture
def site(a_site: Callable[..., Site]) -> Site:
    return a_site(issues=80, projects=2, seed=9)


@pytest.fixture
def integration(app: RunningApp, site: Site) -> str:
    integration_id = app.pair(site)
    app.wait_until_verified(integration_id)
    return integration_id


def read(
    app: RunningApp, integration: str, cursor: str | None = None, **parameters: Any
) -> tuple[list[dict[str, Any]], str]:
    params = {**parameters, **({"cursor": cursor} if cursor else {})}
    answer = app.api("GET", f"/integrations/{integration}/changes", params=params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    *lines, last = (json.loads(line) for line in answer.text.splitlines())
    assert answer.headers["X-Next-Cursor"] == last["next_cursor"]
    return lines, last["next_cursor"]


def test_small_bites_and_one_large_one_give_the_same_rows(app: RunningApp, integration: str) -> None:
    at_once, end = read(app, integration, limit=5000)
    small_pages: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        lines, cursor = read(app, integration, cursor, limit=37)
        small_pages += lines
        if not lines:
            break
    assert small_pages == at_once
    assert read(app, integration, cursor)[0] == read(app, integration, end)[0] == []
    versions = [line["version"] for line in at_once]
    assert versions == sorted(set(versions))


def test_the_feed_holds_what_the_site_holds(app: RunningApp, integration: str, site: Site) -> None:
    lines, _ = read(app, integration, limit=5000)
    truth = site.truth(with_issues=False)["entities"]
    for entity in (
        "issue",
        "changelog",
        "comment",
        "worklog",
        "sprint",
        "project",
        "issue_link",
        "remote_link",
        "attachment",
    ):
        assert {line["id"] for line in lines if line["entity"] == entity} == {
            str(issue_id) for issue_id in truth[entity]["ids"]
        }
    issue = next(line for line in lines if line["entity"] == "issue")
    assert issue["data"]["key"]
    assert issue["data"]["created"].endswith("Z")
    worklog = next(line for line in lines if line["entity"] == "worklog")
    assert worklog["data"]["seconds"] > 0
    assert worklog["data"]["issue_id"]


def test_one_entity_can_be_read_alone(app: RunningApp, integration: str) -> None:
    lines, _ = read(app, integration, entity="issue", limit=5000)
    assert {line["entity"] for line in lines} == {"issue"}
    assert len(lines) == 80
    assert app.api("GET", f"/integrations/{integration}/changes", params={"entity": "sock"}).status_code == 400
    assert app.api("GET", f"/integrations/{integration}/changes", params={"cursor": "x"}).status_code == 400


def test_an_edit_a_comment_and_a_deletion_reach_the_feed(app: RunningApp, integration: str, site: Site) -> None:
    _, cursor = read(app, integration, limit=5000)
    edited_id, commented_id, deleted_id = sorted(site.truth(with_issues=False)["entities"]["issue"]["ids"], key=str)[:3]
    site.mutate("update_issue", issue=edited_id, fields={"summary": "Renamed by the story"})
    comment = site.mutate("add_comment", issue=commented_id)
    site.mutate("delete_issue", issue=deleted_id)
    line_of: dict[tuple[str, str], dict[str, Any]] = {}

    def has_all_arrived() -> bool:
        lines, _ = read(app, integration, cursor, limit=5000)
        line_of.update({(line["entity"], line["id"]): line for line in lines})
        return (
            line_of.get(("issue", str(edited_id)), {}).get("data", {}).get("summary") == "Renamed by the story"
            and ("comment", str(comment["id"])) in line_of
            and line_of.get(("issue", str(deleted_id)), {}).get("op") == "delete"
        )

    wait_for(has_all_arrived, 30, lambda: f"{list(line_of)}\n{app.tail()}")
    assert line_of["issue", str(deleted_id)]["data"]["reason"] == "deleted"
    deleted_histories = [
        line for (entity, _), line in line_of.items() if entity == "changelog" and line["op"] == "delete"
    ]
    assert deleted_histories, "the issue's children went with it"


def test_a_deleted_comment_goes_too(app: RunningApp, integration: str, site: Site) -> None:
    issue = sorted(site.truth(with_issues=False)["entities"]["issue"]["ids"], key=str)[5]
    comment = str(site.mutate("add_comment", issue=issue)["id"])
    wait_for(lambda: _op_of(app, integration, comment) == "upsert", 30, app.tail)
    site.mutate("delete_comment", issue=issue, comment=comment)
    wait_for(lambda: _op_of(app, integration, comment) == "delete", 30, app.tail)


def _op_of(app: RunningApp, integration: str, comment: str) -> str | None:
    lines, _ = read(app, integration, entity="comment", limit=5000)
    return next((line["op"] for line in lines if line["id"] == comment), None)


def test_a_paused_integration_takes_nothing_and_catches_up(app: RunningApp, integration: str, site: Site) -> None:
    assert app.api("POST", f"/integrations/{integration}/pause").json()["state"] == "paused"
    _, cursor = read(app, integration, limit=5000)
    issue = site.mutate("update_issue", fields={"summary": "While you were away"})["issue_id"]
    wait_for(
        lambda: all(200 <= delivery.statuses[-1] < 300 for delivery in site.webhooks.deliveries if delivery.statuses),
        10,
    )
    assert read(app, integration, cursor)[0] == []
    assert app.api("POST", f"/integrations/{integration}/resume").status_code == 200
    wait_for(
        lambda: any(line["id"] == issue for line in read(app, integration, cursor, limit=5000, entity="issue")[0]),
        60,
        app.tail,
    )


def test_a_deleted_integration_leaves_nothing_behind(
    app: RunningApp, integration: str, site: Site, story_database_url: str
) -> None:
    assert app.api("DELETE", f"/integrations/{integration}").status_code == 202
    wait_for(lambda: app.api("GET", f"/integrations/{integration}").status_code == 404, 60, app.tail)
    with psycopg.connect(story_database_url) as connection:
        tenant = connection.execute(
            "SELECT tenant_id FROM installations WHERE client_key = %s", (site.client_key,)
        ).fetchone()
        assert tenant is not None, "the app stays installed"
        for table in tenant_owned():
            if table.name not in {"installations", "credentials", "redemptions"}:
                count = connection.execute(f"SELECT count(*) FROM {table.name} WHERE tenant_id = %s", tenant).fetchone()
                assert count == (0,), table.name


def test_the_metrics_tell_how_it_stands_and_name_nobody(app: RunningApp, integration: str, site: Site) -> None:
    text = requests.get(f"{app.url}/metrics", timeout=10).text
    assert 'sei_integrations{state="healthy"}' in text
    assert 'sei_rows{entity="issue"}' in text
    assert "sei_up 1.0" in text
    for secret in (integration, site.client_key, site.base_url):
        assert secret not in text
