"""Network faults: webhooks lost, repeated, late and out of order; searches behind the world."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from sandbox import Options, Site
from sandbox.webhooks.delay_queue import DelayQueue

if TYPE_CHECKING:
    from tests.sandbox.app_client import AppClient
    from tests.sandbox.fake_app import FakeApp

JQL = "/rest/api/3/search/jql"


def edit_and_wait(site: Site, times: int) -> list[str]:
    """Make so many edits; return the issue ids after all deliveries have arrived or vanished."""
    issue_ids = [site.mutate("assign_issue")["issue_id"] for _ in range(times)]
    assert site.webhooks.queue.wait_until_idle(20)
    return issue_ids


def test_a_share_is_lost_without_a_trace(app: FakeApp, site: Site, client: AppClient) -> None:
    site.options.change({"webhook_loss": 0.3})
    edit_and_wait(site, 60)
    deliveries = site.webhooks.deliveries
    losses = [delivery for delivery in deliveries if delivery.is_lost]
    assert 5 < len(losses) < 35
    assert all(not delivery.statuses for delivery in losses)
    assert len(app.of("/webhooks")) == len(deliveries) - len(losses)
    assert client.get("/rest/api/3/webhook/failed").json()["values"] == []


def test_doubled_deliveries_share_their_identifier(app: FakeApp, site: Site) -> None:
    site.options.change({"webhook_duplicates": 1.0})
    edit_and_wait(site, 10)
    identifiers = [webhook.headers["X-Atlassian-Webhook-Identifier"] for webhook in app.of("/webhooks")]
    assert len(identifiers) == 20
    assert len(set(identifiers)) == 10
    assert not any("X-Atlassian-Webhook-Retry" in webhook.headers for webhook in app.of("/webhooks"))


def test_delayed_deliveries_overtake_each_other(app: FakeApp, site: Site) -> None:
    site.options.change({"webhook_delay_s": 0.6})
    start = time.monotonic()
    for _ in range(30):
        site.mutate("assign_issue")
    assert time.monotonic() - start < 0.5, "a change must not wait for its webhook"
    assert site.webhooks.queue.wait_until_idle(20)
    order = [webhook.headers["X-Atlassian-Webhook-Identifier"] for webhook in app.of("/webhooks")]
    identifiers = [delivery.identifier for delivery in site.webhooks.deliveries]
    assert sorted(order) == sorted(identifiers)
    assert order != identifiers


def test_one_seed_one_fate() -> None:
    def fates(seed: int) -> list[int]:
        site = Site(dataset="seeded", seed=seed, issues=30, projects=2, options=Options(webhook_loss=0.5))
        chance = site.webhooks._chance
        return [round(chance.random() * 1e6) for _ in range(5)]

    assert fates(4) == fates(4)
    assert fates(4) != fates(5)


def test_what_was_given_up_is_listed_as_failed(app: FakeApp, site: Site, client: AppClient) -> None:
    app.answers["/webhooks"] = [503]
    site.mutate("assign_issue")
    assert site.webhooks.queue.wait_until_idle(10)
    (failure,) = client.get("/rest/api/3/webhook/failed").json()["values"]
    assert failure["id"] == site.webhooks.deliveries[0].identifier
    assert site.webhooks.deliveries[0].statuses == [503, 503, 503]


def test_a_delay_queue_runs_due_tasks_and_no_earlier_ones() -> None:
    queue, delays = DelayQueue(max_threads=2), []
    for delay in (0.3, 0.1, 0.2, 0.0):
        queue.put(lambda delay=delay: delays.append(delay), after=delay)  # type: ignore[misc]  # mypy sees a parameter
    assert not queue.wait_until_idle(0.05)
    assert queue.wait_until_idle(5)
    assert delays == [0.0, 0.1, 0.2, 0.3]
    assert queue.pending == 0


def hits(client: AppClient, jql: str, **parameters: object) -> set[str]:
    return {issue["id"] for issue in client.get(JQL, jql=jql, maxResults=100, **parameters).json()["issues"]}


def test_a_lagging_index_finds_then_loses_then_finds_and_comes_to_rest(site: Site, client: AppClient) -> None:
    site.options.change({"index_lag_s": 1.0})
    issue_ids = [site.mutate("create_issue", project="APOL")["id"] for _ in range(8)]
    histories: dict[str, list[bool]] = {issue_id: [] for issue_id in issue_ids}
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not all(history[-30:] == [True] * 30 for history in histories.values()):
        matches = hits(client, "project = APOL ORDER BY created DESC")
        for issue_id, history in histories.items():
            history.append(issue_id in matches)
    for history in histories.values():
        assert history[-30:] == [True] * 30, "an issue never came to rest"
    flickers = [history for history in histories.values() if "101" in "".join("01"[is_match] for is_match in history)]
    assert flickers, "no issue was found, lost and found again"


def test_reconciled_issues_are_seen_at_once_and_no_other(site: Site, client: AppClient) -> None:
    site.options.change({"index_lag_s": 3600.0})
    first, second = (site.mutate("create_issue", project="APOL", summary="fresh")["id"] for _ in range(2))
    assert hits(client, f"id in ({first}, {second})") == set()
    assert hits(client, f"id in ({first}, {second})", reconcileIssues=first) == {first}
    site.mutate("delete_issue", issue="APOL-2")
    site.mutate("update_issue", issue="APOL-1", fields={"summary": "later"})
    answer = client.get(JQL, jql="key = APOL-1", fields="summary").json()["issues"][0]["fields"]["summary"]
    assert answer != "later"
    issue_id = site.world.find("APOL-1").id  # type: ignore[union-attr]  # it is there
    answer = client.get(JQL, jql="key = APOL-1", fields="summary", reconcileIssues=issue_id).json()["issues"][0]
    assert answer["fields"]["summary"] == "later"


def test_a_deleted_issue_haunts_a_lagging_index(site: Site, client: AppClient) -> None:
    issue_id = site.world.find("APOL-2").id  # type: ignore[union-attr]  # it is there
    site.options.change({"index_lag_s": 3600.0})
    site.mutate("delete_issue", issue="APOL-2")
    assert issue_id in hits(client, "project = APOL")
    assert client.get(f"/rest/api/3/issue/{issue_id}").status_code == 404
    assert issue_id not in hits(client, "project = APOL", reconcileIssues=issue_id)


def test_a_hot_issue_is_late_but_not_starved() -> None:
    now = 1_800_000_000_000
    site = Site(dataset="seeded", seed=3, issues=40, projects=2, clock=lambda: now, options=Options(index_lag_s=10))
    versions = []
    for _ in range(60):
        now += 1000
        site.mutate("update_issue", issue="APOL-1")
        record = next(iter(site.search_view().lookup(["APOL-1"])))
        versions.append(now - record.updated_ms)
    assert max(versions[12:]) <= 11_000, "each write postponed the earlier ones"


def test_an_index_without_lag_is_the_truth(site: Site) -> None:
    site.mutate("update_issue")
    assert site.search_view() is site.world


@pytest.mark.parametrize("jql", ["id in (10001, 999999)", "key = APOL-1 OR key = NOPE-7", "NOT issue = 999999"])
def test_a_query_that_names_an_unknown_issue_is_refused_whole(site: Site, client: AppClient, jql: str) -> None:
    answer = client.get(JQL, jql=jql)
    assert answer.status_code == 400
    (message,) = answer.json()["errorMessages"]
    assert ("999999" if "999999" in jql else "NOPE-7") in message
    site.options.change({"unknown_issues_are_errors": False})
    assert client.get(JQL, jql=jql).status_code == 200


def test_an_issue_out_of_sight_is_as_unknown_as_one_that_is_not_there(site: Site, client: AppClient) -> None:
    issue_id = site.mutate("hide_issue", issue="APOL-2")["id"]
    assert client.get(JQL, jql=f"id = {issue_id}").status_code == 400
    issue_id = site.mutate("archive_issue", issue="APOL-3")["id"]
    assert client.get(JQL, jql=f"id = {issue_id}").json() == {"issues": [], "isLast": True}
