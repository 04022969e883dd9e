"""A site steps back: it is restored from a backup, or its clock is set. Its present state wins, and no change is missed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from app import clock
from app.catalog.registry import entity
from app.conditions import Code, Condition
from app.ingest.drift import id_sweeps, poll
from app.ingest.planning import site_clock
from app.store.schema import TENANTS
from app.store.sync_tables import CURSORS
from app.store.tables import table_of
from app.web.api.integrations import progress_of
from app.web.words.states import skew_words
from tests.integration.ingest.conftest import SetClock, deliver

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from flask import Flask

    from sandbox.world import Issue
    from tests.integration.ingest.conftest import Town

FIELD_CASE = Path(__file__).parents[4].parent / "shared" / "field" / "c24_updated_back.json"
AFTER = {"summary": "After", "updated": "2026-06-01T10:00:00.000+0000"}
BEFORE = {"summary": "Before", "updated": "2026-05-31T10:00:00.000+0000"}
"""An issue before and after the restore of its site, from a public report (`c24_updated_back.json`)."""


@pytest.fixture
def deaf(a_town: Callable[..., Town]) -> Town:
    """A site without webhooks."""
    town = a_town(issues=40, projects=2, seed=24)
    town.site.options.webhooks = False
    return town


def put(town: Town, issue_id: str, fields: Mapping[str, str]) -> None:
    """Change fields of an issue on the site without an event."""
    issue = town.site.world.issues[issue_id]
    town.site.world.put(replace(issue, fields={**issue.fields, **fields}))


def an_issue(town: Town) -> str:
    return next(issue.id for issue in town.site.world.searchable())


def restore(town: Town, backup: Mapping[str, Issue]) -> None:
    """Bring the site's issues back as they were."""
    world = town.site.world
    for issue_id in set(world.issues) - set(backup):
        world.drop(issue_id)
    for issue in backup.values():
        if world.issues.get(issue.id) != issue:
            world.put(issue)


def by_webhook(town: Town, issue_id: str) -> None:
    deliver(town.parts, town.tenant_id, issue_id)


def by_full_sync(town: Town, _issue_id: str) -> None:
    town.backfill()


def by_the_weekly_sweep(town: Town, _issue_id: str) -> None:
    with town.parts.store.bound_to(town.tenant_id) as session:
        session.execute(update(CURSORS).where(CURSORS.c.name == "ids").values(began=None, scope_id="", reached=0))
    result = id_sweeps.sweep_ids(town.parts.store, town.jira, town.tenant_id)
    assert result is not None


def by_the_nightly_sweep(town: Town, issue_id: str) -> None:
    """The sweep sees the changes of the last 26 hours by the site's account, so the backup is a recent one."""
    put(town, issue_id, {**BEFORE, "updated": _hours_ago(2)})
    result = id_sweeps.sweep_recent(town.parts.store, town.jira, town.tenant_id)
    assert result is not None
    assert result.params["reread"] == 1


def by_the_poll(town: Town, issue_id: str) -> None:
    put(town, issue_id, {**BEFORE, "updated": _hours_ago(0)})
    town.poll()


def _hours_ago(hours: int) -> str:
    moment = clock.now() - timedelta(hours=hours)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def test_the_reported_case_is_the_one_below() -> None:
    if FIELD_CASE.exists():
        first_state, last_state = json.loads(FIELD_CASE.read_text()).values()
        assert (first_state, last_state) == (AFTER, BEFORE)


HOURS = [timedelta(hours=hours) for hours in (-3, -1, 1, 3)]


def a_town_with_a_clock(a_town: Callable[..., Town], set_clock: SetClock) -> Town:
    town = a_town(issues=20, projects=1, seed=8, clock=set_clock)
    town.site.options.webhooks = False
    return town


def measured_skew(town: Town) -> timedelta | None:
    with town.parts.store.bound_to(town.tenant_id) as session:
        return site_clock.skew(session)


@pytest.mark.parametrize("notice", [by_webhook, by_full_sync, by_the_weekly_sweep])
def test_a_restored_issue_is_stored_as_the_site_has_it(deaf: Town, notice: Callable[[Town, str], None]) -> None:
    issue_id = an_issue(deaf)
    put(deaf, issue_id, AFTER)
    by_webhook(deaf, issue_id)
    deaf.drain()
    assert deaf.rows("issue", "summary")[issue_id] == "After"
    put(deaf, issue_id, BEFORE)
    notice(deaf, issue_id)
    deaf.drain()
    assert deaf.rows("issue", "summary")[issue_id] == "Before"
    assert deaf.differences() == []
    assert deaf.wrong_fields() == ""


@pytest.mark.parametrize("notice", [by_the_nightly_sweep, by_the_poll])
def test_lists_of_changes_notice_an_older_edit(deaf: Town, notice: Callable[[Town, str], None]) -> None:
    issue_id = an_issue(deaf)
    put(deaf, issue_id, {**AFTER, "updated": _hours_ago(-1)})
    by_webhook(deaf, issue_id)
    deaf.drain()
    notice(deaf, issue_id)
    deaf.drain()
    assert deaf.rows("issue", "summary")[issue_id] == "Before"
    assert deaf.wrong_fields() == ""


def test_an_older_edit_in_a_list_counts_only_if_the_row_was_read_before_it(deaf: Town) -> None:
    issue_id = an_issue(deaf)
    put(deaf, issue_id, {"updated": _hours_ago(0)})
    deaf.catch_up()
    with deaf.parts.store.unrestricted_unsafe() as session:
        table = table_of(entity("issue"))
        fresh = {"updated": clock.now() + timedelta(hours=1), "read_at": clock.now() + timedelta(minutes=1)}
        session.execute(update(table).where(table.c.id == issue_id).values(**fresh))
    assert poll.poll_issues(deaf.parts.store, deaf.jira, deaf.tenant_id) == Condition(
        Code.POLLED, issues=1, differing=0
    )


LATER_KINDS = [
    *("create_issue", "update_issue", "assign_issue", "transition_issue", "add_comment", "edit_comment"),
    *("delete_comment", "add_worklog", "add_attachment", "link_issues", "add_remote_link"),
]


@pytest.mark.parametrize("notice", [by_full_sync, by_the_weekly_sweep])
def test_a_site_that_is_restored_loses_all_that_came_after_the_backup(
    a_town: Callable[..., Town], notice: Callable[[Town, str], None]
) -> None:
    # Sweeps report no issue absent that was created just now.
    set_clock = SetClock(timedelta(hours=-2))
    town = a_town_with_a_clock(a_town, set_clock)
    busy_id = an_issue(town)
    for _ in range(30):
        town.site.mutate("add_comment", issue=busy_id)
    backup = dict(town.site.world.issues)
    for _ in range(3):
        for kind in LATER_KINDS:
            town.site.mutate(kind)
    for _ in range(110):
        town.site.mutate("add_comment", issue=busy_id)
        town.site.mutate("update_issue", issue=busy_id)
    # A parent that comes back shows on its children, whose `updated` doesn't tell: only a full sync sees that.
    parents = {(issue.fields.get("parent") or {}).get("id") for issue in backup.values()}
    deleted_id = next(issue_id for issue_id in backup if issue_id not in {busy_id, *parents})
    town.site.mutate("delete_issue", issue=deleted_id)
    deliver(town.parts, town.tenant_id, deleted_id, event="jira:issue_deleted")
    town.catch_up()
    assert town.differences() == []
    set_clock.ahead = timedelta()
    restore(town, backup)
    town.age()
    notice(town, busy_id)
    town.drain()
    for _ in range(2):
        town.check_absences()
    assert town.differences() == []
    assert town.wrong_fields() == ""


def test_a_restored_site_goes_on_from_its_backup(deaf: Town) -> None:
    """New edits and children of a restored issue are later than the lost ones, and replace them."""
    issue_id = an_issue(deaf)
    backup = dict(deaf.site.world.issues)
    for _ in range(3):
        deaf.site.mutate("add_comment", issue=issue_id)
        deaf.site.mutate("update_issue", issue=issue_id)
    deaf.catch_up()
    restore(deaf, backup)
    deaf.site.mutate("add_comment", issue=issue_id)
    deaf.catch_up()
    assert deaf.differences() == []
    assert deaf.wrong_fields() == ""


@pytest.mark.parametrize("ahead", HOURS, ids=str)
def test_a_site_with_another_time_is_polled_by_its_own_clock(a_town: Callable[..., Town], ahead: timedelta) -> None:
    town = a_town_with_a_clock(a_town, SetClock(ahead))
    for _ in range(2):
        for kind in ("create_issue", "update_issue", "add_worklog"):
            town.site.mutate(kind)
        town.catch_up()
        assert town.differences() == []
    skew = measured_skew(town)
    assert skew is not None
    assert abs(skew - ahead) < timedelta(seconds=30)
    assert progress_of(town.parts, town.integration()).clock_skew_seconds == round(skew.total_seconds())


@pytest.mark.parametrize(
    ("skew", "words"), [(-3600, "60 minutes behind"), (61, "1 minutes ahead"), (60, ""), (-60, "")]
)
def test_the_overview_names_a_notable_difference_of_the_clocks(town_app: Flask, skew: int, words: str) -> None:
    with town_app.test_request_context():
        sentence = skew_words(timedelta(seconds=skew))
    assert words in sentence
    assert bool(sentence) == bool(words)


@pytest.mark.parametrize("ahead", HOURS, ids=str)
def test_changes_after_a_clock_was_set_are_found(a_town: Callable[..., Town], ahead: timedelta) -> None:
    set_clock = SetClock()
    town = a_town_with_a_clock(a_town, set_clock)
    town.catch_up()
    for step in (ahead, timedelta()):
        set_clock.ahead = step
        for kind in ("create_issue", "update_issue", "add_worklog"):
            town.site.mutate(kind)
        town.catch_up()
        assert town.differences() == []


def test_cursors_step_back_as_far_as_the_clock(a_town: Callable[..., Town]) -> None:
    set_clock = SetClock(timedelta(hours=2))
    town = a_town_with_a_clock(a_town, set_clock)
    town.catch_up()
    before = _cursors(town)
    set_clock.ahead = timedelta(hours=-1)
    town.poll()
    after = _cursors(town)
    assert {name for name, watermark in after.items() if before[name] - watermark > 3 * 3_600_000 - 60_000} == {
        *("issues", "worklog/updated", "worklog/deleted")
    }


def test_an_answer_without_a_date_measures_nothing(deaf: Town) -> None:
    with deaf.parts.store.bound_to(deaf.tenant_id) as session:
        session.execute(update(TENANTS).where(TENANTS.c.id == deaf.tenant_id).values(clock_skew_ms=None))
        assert site_clock.measure(session, site_time=None, sent_at=clock.now()) == timedelta()
        assert site_clock.skew(session) is None


def _cursors(town: Town) -> dict[str, int]:
    with town.parts.store.bound_to(town.tenant_id) as session:
        rows = session.execute(CURSORS.select().where(CURSORS.c.reached > 0))
        return {row.name: row.reached for row in rows}


def test_a_clock_that_falls_with_every_answer_moves_a_poll_once(deaf: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    moments: list[datetime] = []

    def measure(_session: object, *, site_time: object, sent_at: datetime) -> timedelta:
        moments.append(sent_at)
        assert site_time is not None
        return timedelta(minutes=2)

    monkeypatch.setattr(poll.site_clock, "measure", measure)
    assert poll.poll_issues(deaf.parts.store, deaf.jira, deaf.tenant_id) is not None
    assert len(moments) == 2
