"""The poll finds changes with lost webhooks: of every kind, in every time zone, at every rate."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select, update

from app import clock
from app.conditions import Code, Condition
from app.errors import JiraDown, TokenExpired
from app.ingest.backfill.worker import BackfillWorker
from app.ingest.drift import poll, worklog_feeds
from app.ingest.live import failed_webhooks
from app.ingest.planning import inbox
from app.sources.answers import IdPage
from app.store import cursors
from app.store.schema import INBOX, INTEGRATIONS
from app.store.sync_tables import CURSORS
from tests.factories import a_paired_site
from tests.fakes.jira import FakeSite

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.runtime import Runtime
    from tests.integration.ingest.conftest import Town


@pytest.fixture
def deaf(a_town: Callable[..., Town]) -> Town:
    """A site without webhooks."""
    town = a_town(issues=60, projects=3, seed=5)
    town.site.options.webhooks = False
    return town


def test_every_change_to_an_issue_is_found_without_a_single_webhook(deaf: Town) -> None:
    kinds = [
        *("create_issue", "update_issue", "assign_issue", "transition_issue", "add_comment", "edit_comment"),
        *("delete_comment", "add_worklog", "link_issues", "unlink_issues", "add_remote_link", "delete_remote_link"),
        *("add_attachment", "delete_attachment", "plan_issue", "unplan_issue", "move_issue", "set_versions"),
    ]
    for kind in kinds * 2:
        deaf.site.mutate(kind)
    assert deaf.differences() != []
    deaf.catch_up()
    assert deaf.differences() == []
    assert deaf.wrong_fields() == ""


def test_the_query_has_a_lower_bound_in_milliseconds_no_upper_one_and_goes_by_creation(deaf: Town) -> None:
    deaf.site.traffic.reset()
    deaf.poll()
    queries = [
        parse_qs(urlsplit(target).query)["jql"][0]
        for _, _, target, _ in deaf.site.traffic.log
        if "search/jql" in target
    ]
    assert len(queries) == 1
    lower, _, order = queries[0].partition(" ORDER BY ")
    assert order == "created ASC, key ASC"
    assert lower.startswith("updated >= ")
    assert lower.removeprefix("updated >= ").isdigit()


def test_the_cursor_is_the_sites_time_when_a_clean_walk_began(deaf: Town) -> None:
    before = clock.now()
    deaf.poll()
    with deaf.parts.store.bound_to(deaf.tenant_id) as session:
        cursor_time = datetime.fromtimestamp(cursors.reached(session, poll.CURSOR) / 1000, UTC)
    assert before - timedelta(seconds=1) <= cursor_time <= clock.now()
    assert deaf.integration().polled_at is not None


def test_a_poll_that_does_not_end_moves_nothing(parts: Runtime) -> None:
    """Jira goes down on the second page; the next poll continues there and then moves the cursor."""
    tenant_id = a_paired_site(parts)[0].tenant_id
    falls = iter([False, True])

    def fall(path: str, _page: dict[str, Any]) -> None:
        if path.endswith("/search/jql") and next(falls, False):
            raise JiraDown(Code.ANSWERED, status=503, endpoint="")

    site = FakeSite(250, fall)
    with parts.store.unrestricted_unsafe() as session:
        session.execute(
            update(INTEGRATIONS)
            .where(INTEGRATIONS.c.tenant_id == tenant_id)
            .values(state="healthy", started_at=clock.now(), verified_at=clock.now())
        )
    with pytest.raises(JiraDown):
        poll.poll_issues(parts.store, site.source, tenant_id)  # type: ignore[arg-type]  # a fake wire
    with parts.store.bound_to(tenant_id) as session:
        row = session.execute(select(CURSORS).where(CURSORS.c.name == poll.CURSOR)).one()
        assert (row.reached, row.page_token) == (0, "100")
        requests = session.execute(select(INBOX.c.body)).scalars().all()
    assert sum(len(request["issues"]) for request in requests) == 100
    start = row.began
    assert poll.poll_issues(parts.store, site.source, tenant_id) is not None  # type: ignore[arg-type]  # a fake wire
    with parts.store.bound_to(tenant_id) as session:
        assert cursors.reached(session, poll.CURSOR) == start
        requests = session.execute(select(INBOX.c.body)).scalars().all()
    assert sum(len(request["issues"]) for request in requests) == 250
    assert [body["nextPageToken"] for _, body in site.calls if "nextPageToken" in body] == ["100", "100", "200"]


def test_a_page_token_that_jira_no_longer_takes_begins_the_walk_again(parts: Runtime) -> None:
    tenant_id = a_paired_site(parts)[0].tenant_id
    with parts.store.unrestricted_unsafe() as session:
        session.execute(
            update(INTEGRATIONS)
            .where(INTEGRATIONS.c.tenant_id == tenant_id)
            .values(state="healthy", started_at=clock.now(), verified_at=clock.now())
        )
    with parts.store.bound_to(tenant_id) as session:
        cursor = cursors.take(session, poll.CURSOR)
        assert cursor is not None
        cursors.move(session, cursor, page_token="stale", began=5, leased_until=None)
    site = FakeSite(10)
    with pytest.raises(TokenExpired):
        poll.poll_issues(parts.store, site.source, tenant_id)  # type: ignore[arg-type]  # a fake wire
    assert poll.poll_issues(parts.store, site.source, tenant_id) is not None  # type: ignore[arg-type]  # a fake wire
    with parts.store.bound_to(tenant_id) as session:
        assert cursors.reached(session, poll.CURSOR) > 5


def test_an_issue_that_is_edited_every_few_moments_is_never_starved(deaf: Town) -> None:
    """The upper-bound trap: a constantly edited issue is outside every window with an end."""
    restless = min(deaf.live("issue"))
    is_over = threading.Event()

    def edit() -> None:
        number = 0
        while not is_over.wait(0.01):
            deaf.site.mutate("update_issue", issue=restless, fields={"summary": f"edit {number}"})
            number += 1

    editor = threading.Thread(target=edit)
    editor.start()
    try:
        while not str(deaf.site.world.issues[restless].fields["summary"]).startswith("edit "):
            time.sleep(0.01)
        summaries = []
        for _ in range(6):
            deaf.catch_up()
            summaries.append(deaf.rows("issue", "summary")[restless])
            time.sleep(0.1)
    finally:
        is_over.set()
        editor.join()
    assert len(set(summaries)) == len(summaries), "each poll brought a later edit"
    assert all(text.startswith("edit ") for text in summaries)
    deaf.catch_up()
    assert deaf.differences() == []


@pytest.mark.parametrize("timezone", ["Pacific/Apia", "Pacific/Honolulu", "Asia/Kathmandu"])
def test_a_site_in_any_time_zone_loses_nothing(a_town: Callable[..., Town], timezone: str) -> None:
    """The time-zone trap: Jira reads dates in a query in the user's time zone, but not milliseconds."""
    town = a_town(issues=40, projects=2, timezone=timezone)
    town.site.options.webhooks = False
    for _ in range(3):
        for kind in ("create_issue", "update_issue", "add_comment", "transition_issue"):
            town.site.mutate(kind)
        town.catch_up()
        assert town.differences() == []


def test_an_index_that_lags_hides_nothing_for_longer_than_the_overlap(deaf: Town) -> None:
    deaf.site.options.index_lag_s = 2.0
    for kind in ("create_issue", "update_issue", "add_comment", "transition_issue") * 5:
        deaf.site.mutate(kind)
    deaf.catch_up()
    time.sleep(2.1)
    deaf.catch_up()
    assert deaf.differences() == []


def test_what_webhooks_brought_is_not_read_once_more(a_town: Callable[..., Town]) -> None:
    town = a_town()
    for _ in range(20):
        town.site.mutate("update_issue")
    town.drain()
    town.site.traffic.reset()
    assert (town.poll() or "").endswith(", 0 of them were not here as they are there")
    # One page of changes, and their memberships of boards.
    assert sorted(town.site.traffic.as_json()["by_template"].values()) == [1, 1]


def test_worklogs_that_were_edited_or_deleted_out_of_sight_are_followed(a_town: Callable[..., Town]) -> None:
    """The issue's body has its newest twenty worklogs only."""
    town = a_town(issues=400, projects=2, seed=17)
    town.site.options.webhooks = False
    town.site.options.worklog_feed_delay_s = 0
    long = next(candidate for candidate in town.site.world.searchable() if len(candidate.worklogs) > 25)
    edited_id, deleted_id = long.worklogs[0]["id"], long.worklogs[1]["id"]
    town.site.mutate("edit_worklog", issue=long.id, worklog=edited_id)
    town.site.mutate("delete_worklog", issue=long.id, worklog=deleted_id)
    worklog_feeds.follow_worklogs(town.parts.store, town.jira, town.tenant_id)
    town.drain()
    assert town.rows("worklog")[deleted_id] == "deleted"
    assert town.differences() == []


def test_a_site_without_time_tracking_is_asked_and_left_alone(parts: Runtime) -> None:
    tenant_id = a_paired_site(parts)[0].tenant_id
    with parts.store.unrestricted_unsafe() as session:
        session.execute(
            update(INTEGRATIONS)
            .where(INTEGRATIONS.c.tenant_id == tenant_id)
            .values(state="healthy", started_at=clock.now(), verified_at=clock.now())
        )
    result = worklog_feeds.follow_worklogs(parts.store, FakeSite(1).source, tenant_id)
    assert result == Condition(Code.WORKLOGS_READ, changed=0, deleted=0)


def test_what_jira_could_not_deliver_is_fetched(a_town: Callable[..., Town], monkeypatch: pytest.MonkeyPatch) -> None:
    """Our web process was down until Jira gave up; a missed deletion keeps its cause."""
    town = a_town()
    town.site.options.webhook_retry_delays = ()
    address = town.site.lifecycle.descriptor.address
    monkeypatch.setattr(type(address), "url", lambda _self, path: f"http://127.0.0.1:9{path}")
    deleted_id = town.site.mutate("delete_issue")["issue_id"]
    for _ in range(5):
        town.site.mutate("update_issue")
    deadline = time.monotonic() + 10
    while (
        any(delivery.failed_at is None for delivery in town.site.webhooks.deliveries[-6:])
        and time.monotonic() < deadline
    ):
        time.sleep(0.05)
    result = failed_webhooks.take_failed_webhooks(town.parts.store, town.jira, town.tenant_id)
    assert result is not None
    assert result.code is Code.DELIVERIES_RECOVERED
    assert failed_webhooks.take_failed_webhooks(town.parts.store, town.jira, town.tenant_id) is None, (
        "each delivery is taken once"
    )
    town.drain()
    assert town.rows("issue")[deleted_id] == "deleted"
    assert town.differences() == []


def test_a_first_backfill_is_left_to_end_before_the_first_poll(a_town: Callable[..., Town]) -> None:
    town = a_town(reads=False)
    assert town.poll() is None
    town.backfill()
    town.site.options.webhooks = False
    town.site.mutate("update_issue")
    town.catch_up()
    assert town.differences() == []


def test_two_polls_of_one_tenant_do_not_run_at_once(deaf: Town) -> None:
    with deaf.parts.store.bound_to(deaf.tenant_id) as session:
        cursor = cursors.take(session, poll.CURSOR)
    assert cursor is not None
    assert deaf.poll() is None


def test_a_holder_that_was_thought_dead_writes_nothing(deaf: Town) -> None:
    with deaf.parts.store.bound_to(deaf.tenant_id) as session:
        cursor = cursors.take(session, poll.CURSOR)
        assert cursor is not None
        session.execute(update(CURSORS).values(leased_until=clock.now()))
    assert deaf.poll() is not None
    with pytest.raises(cursors.CursorLost), deaf.parts.store.bound_to(deaf.tenant_id) as session:
        cursors.move(session, cursor, reached=1)


def test_the_page_of_a_listing_is_compared_by_the_last_change(deaf: Town) -> None:
    edit_times: dict[str, datetime] = deaf.rows("issue", "updated")
    equal, newer, older = sorted(edit_times)[:3]
    listing = {
        equal: edit_times[equal],
        newer: edit_times[newer] + timedelta(milliseconds=1),
        older: edit_times[older] - timedelta(hours=1),
        "1": None,
    }
    with deaf.parts.store.bound_to(deaf.tenant_id) as session:
        later_page = IdPage(listing, None, clock.now(), None)
        assert poll.differing(session, later_page) == [newer, older, "1"]
        earlier_page = IdPage(listing, None, clock.now() - timedelta(days=1), None)
        assert poll.differing(session, earlier_page) == [newer, "1"]


def test_what_is_waiting_to_be_read_is_not_asked_for_twice(deaf: Town) -> None:
    with deaf.parts.store.bound_to(deaf.tenant_id) as session:
        assert inbox.ask(session, ["1", "2", "2"], origin=inbox.POLL) == 2
        assert inbox.ask(session, ["2", "3"], origin=inbox.SWEEP) == 1


def test_workers_of_a_paused_integration_claim_nothing(deaf: Town) -> None:
    with deaf.parts.store.unrestricted_unsafe() as session:
        session.execute(update(INTEGRATIONS).where(INTEGRATIONS.c.tenant_id == deaf.tenant_id).values(state="paused"))
    assert deaf.poll() is None
    worker = BackfillWorker(deaf.parts.store, deaf.parts.sites, deaf.tenant_id, 8, 1)
    worker.work(until=clock.now() + timedelta(seconds=5))
    assert worker.walked_chunks == 0
