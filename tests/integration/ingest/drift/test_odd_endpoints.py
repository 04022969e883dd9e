"""One odd endpoint of a site that is well costs that endpoint alone, in every lane."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

import pytest
from sqlalchemy import update

from app import clock
from app.errors import JiraBusy
from app.ingest.drift import id_sweeps, stale_lists, worklog_feeds
from app.ingest.proof import verification
from app.ingest.writing import unreadable
from app.integrations.model import State
from app.store.schema import CHUNKS
from sandbox.oddities import Call, Oddity
from tests.soak import time_travel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.ingest.conftest import Town

PLATFORM = "/rest/api/3"
COUNT = f"POST {PLATFORM}/search/approximate-count"
ERROR = {"errorMessages": ["no"], "errors": {}}
odd_answers = pytest.mark.parametrize(("status", "body"), [(403, ERROR), (500, ERROR), (200, None)])


def parts_of(town: Town) -> set[tuple[str, str]]:
    with town.parts.store.bound_to(town.tenant_id) as session:
        return {(part.entity, part.scope_id) for part in unreadable.listed(session, limit=100)}


def verify(town: Town) -> list[verification.Finding]:
    return verification.verify(town.parts.store, town.jira, town.tenant_id)


def of_project(project_id: str, path: str, status: int, body: Any) -> Oddity:
    def concerns(call: Call, _body: object) -> bool:
        return f"project = {project_id}" in unquote_plus(call.text)

    return Oddity(f"GET|POST {PLATFORM}/search/{path}", status, body, concerns=concerns)


def heal(town: Town) -> None:
    """End the oddities, and have every part tried again."""
    town.site.options.oddities = []
    time_travel.retry_unreadable(town.database_url, town.site.client_key)
    town.refresh("status")
    town.walk()


@odd_answers
def test_issues_are_read_and_verified_where_jira_does_not_count(
    a_town: Callable[..., Town], status: int, body: Any
) -> None:
    town = a_town(reads=False)
    town.site.options.oddities = [Oddity(COUNT, status, body)]
    town.backfill()
    assert town.differences() == []
    assert town.integration().state is State.HEALTHY
    assert {finding.method for finding in verify(town) if finding.entity == "issue"} == {verification.counting.ID_SWEEP}


@pytest.mark.parametrize(
    ("path", "name"), [("field", "field"), ("status", "status"), ("issuetype", "issue_type"), ("priority", "priority")]
)
def test_a_list_that_is_never_empty_is_named_where_its_first_reading_is(
    a_town: Callable[..., Town], path: str, name: str
) -> None:
    town = a_town(reads=False)
    town.site.options.oddities = [Oddity(f"GET {PLATFORM}/{path}", 200, [])]
    town.backfill()
    assert (parts_of(town), town.integration().state) == ({(name, "")}, State.HEALTHY)
    heal(town)
    town.drain()
    verify(town)
    assert (parts_of(town), town.differences(), town.integration().state) == (set(), [], State.HEALTHY)


def test_a_list_that_asks_for_a_pause_for_ever_lets_the_others_pass_and_is_set_aside(
    a_town: Callable[..., Town],
) -> None:
    town = a_town()
    town.site.options.oddities = [Oddity(f"GET {PLATFORM}/priority", 429, ERROR)]

    def refresh() -> None:
        with suppress(JiraBusy):
            stale_lists.refresh_stalest_lists(town.parts.store, town.jira, town.tenant_id)

    with town.parts.store.bound_to(town.tenant_id) as session:
        is_old = CHUNKS.c.entity.in_(("priority", "status"))
        session.execute(update(CHUNKS).where(is_old).values(finished_at=clock.now() - timedelta(days=30)))
        is_first = CHUNKS.c.entity == "priority"
        session.execute(update(CHUNKS).where(is_first).values(finished_at=clock.now() - timedelta(days=31)))
    for _ in range(3):
        refresh()
    with town.parts.store.bound_to(town.tenant_id) as session:
        stalest = stale_lists.stalest(session)
    assert stalest is not None
    assert (stalest.entity, parts_of(town)) == ("priority", set())
    for _ in range(6):
        refresh()
    assert parts_of(town) == {("priority", "")}
    heal(town)
    town.refresh("priority")
    assert (parts_of(town), town.differences()) == (set(), [])


@odd_answers
def test_a_project_with_an_odd_search_is_named_and_the_others_are_verified(
    a_town: Callable[..., Town], status: int, body: Any
) -> None:
    town = a_town(reads=False)
    town.site.options.oddities = [of_project("10000", "jql*", status, body)]
    town.backfill()
    assert parts_of(town) == {("issue", "10000")}
    assert town.integration().state is State.HEALTHY
    heal(town)
    verify(town)
    assert (parts_of(town), town.differences(), town.integration().state) == (set(), [], State.HEALTHY)


@odd_answers
def test_a_project_with_an_odd_search_does_not_stop_the_sweep_of_the_others(
    a_town: Callable[..., Town], status: int, body: Any
) -> None:
    town = a_town()
    town.site.options.webhooks = False
    town.age()
    projects = town.rows("issue", "project_id")
    deleted_issue = next(issue for issue in town.site.world.searchable() if projects[issue.id] == "10001")
    town.site.mutate("delete_issue", issue=deleted_issue.id)
    town.site.options.oddities = [of_project("10000", "jql*", status, body)]
    id_sweeps.sweep_ids(town.parts.store, town.jira, town.tenant_id)
    assert deleted_issue.id in town.absences()
    assert parts_of(town) == {("issue", "10000")}
    heal(town)
    assert parts_of(town) == set()


@pytest.mark.parametrize("feed", ["updated", "deleted", "list"])
@odd_answers
def test_an_odd_feed_of_worklogs_is_named_and_the_other_one_is_followed(
    a_town: Callable[..., Town], feed: str, status: int, body: Any
) -> None:
    town = a_town()
    town.site.options.webhooks, town.site.options.worklog_feed_delay_s = False, 0
    edited_issue, deleted_issue = [issue for issue in town.site.world.searchable() if issue.worklogs][:2]
    edited_id, gone_id = edited_issue.worklogs[0]["id"], deleted_issue.worklogs[0]["id"]
    before = town.rows("worklog", "updated")[edited_id]
    town.site.mutate("edit_worklog", issue=edited_issue.id, worklog=edited_id)
    town.site.mutate("delete_worklog", issue=deleted_issue.id, worklog=gone_id)
    town.site.options.oddities = [Oddity(f"GET|POST {PLATFORM}/worklog/{feed}", status, body)]
    worklog_feeds.follow_worklogs(town.parts.store, town.jira, town.tenant_id)
    assert parts_of(town) == {("worklog", "")}
    assert (town.rows("worklog")[gone_id] == "deleted") is (feed != "deleted")
    assert (town.rows("worklog", "updated")[edited_id] != before) is (feed == "deleted")
    town.site.options.oddities = []
    worklog_feeds.follow_worklogs(town.parts.store, town.jira, town.tenant_id)
    assert parts_of(town) == set()
    assert town.rows("worklog", "updated")[edited_id] != before


@odd_answers
def test_filters_that_cannot_be_matched_do_not_stop_the_poll(
    a_town: Callable[..., Town], status: int, body: Any
) -> None:
    town = a_town()
    town.site.options.webhooks = False
    town.site.mutate("update_issue")
    town.site.options.oddities = [Oddity(f"POST {PLATFORM}/jql/match", status, body)]
    town.catch_up()
    assert town.differences() == []
    assert town.integration().polled_at is not None
    assert "board_issue" in {entity for entity, _ in parts_of(town)}
