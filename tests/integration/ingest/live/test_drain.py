"""Delivered issues are read once, for any number and order of deliveries; no delivery blocks others."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select, update

from app import clock, ids
from app.conditions import Code, Condition
from app.errors import JiraBusy
from app.ingest.live import Drain, batch
from app.ingest.planning import inbox
from app.ingest.planning.events import IGNORED
from app.ingest.writing import absences
from app.store.schema import INBOX
from app.store.sync_tables import ABSENCES
from tests.fakes.jira import FakeSite
from tests.integration.ingest.conftest import deliver

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from uuid import UUID

    from app.runtime import Runtime
    from tests.integration.ingest.conftest import Town


def drain(parts: Runtime, tenant_id: UUID, site: FakeSite) -> int:
    work = Drain(parts.store, site.source, tenant_id, gap=timedelta(0))  # type: ignore[arg-type]  # a fake wire
    return work.run(until=clock.now() + timedelta(seconds=20))


def outcomes(parts: Runtime, tenant_id: UUID) -> dict[str | None, int]:
    with parts.store.bound_to(tenant_id) as session:
        rows = session.execute(select(INBOX.c.outcome, func.count()).group_by(INBOX.c.outcome))
        return {row[0]: row[1] for row in rows}


def make_due(parts: Runtime, tenant_id: UUID) -> None:
    with parts.store.bound_to(tenant_id) as session:
        session.execute(update(INBOX).where(INBOX.c.done_at.is_(None)).values(due_at=clock.now()))


def test_many_events_of_few_issues_are_one_read(parts: Runtime, tenant_id: UUID) -> None:
    site = FakeSite(40)
    deliver(parts, tenant_id, *[100_000 + number for number in range(40)] * 5)
    assert drain(parts, tenant_id, site) == 200
    searches = [body for path, body in site.calls if path.endswith("/search/jql")]
    assert len(searches) == 1
    assert len(searches[0]["reconcileIssues"]) == 40
    assert outcomes(parts, tenant_id) == {"read again": 200}


def test_no_search_names_more_issues_than_jira_reads_back(parts: Runtime, tenant_id: UUID) -> None:
    site = FakeSite(130)
    deliver(parts, tenant_id, *range(100_000, 100_130))
    drain(parts, tenant_id, site)
    sizes = [len(body["reconcileIssues"]) for path, body in site.calls if path.endswith("/search/jql")]
    assert sizes == [50, 50, 30]


def test_a_second_delivery_of_one_name_is_counted_and_dropped(parts: Runtime, tenant_id: UUID) -> None:
    results = []
    for _ in range(3):
        with parts.store.bound_to(tenant_id) as session:
            results.append(inbox.keep(session, "d-1", "jira:issue_updated", {"issue": {"id": "1"}}))
    assert results == [True, False, False]
    with parts.store.bound_to(tenant_id) as session:
        (hour,) = inbox.by_hour(session, since=clock.now() - timedelta(hours=1))
    assert (hour.received, hour.duplicated, hour.late) == (1, 2, 0)


def test_a_late_delivery_is_counted(parts: Runtime, tenant_id: UUID) -> None:
    for seconds in (1, 29, 31, 600):
        event_time = clock.now() - timedelta(seconds=seconds)
        body = {"timestamp": int(event_time.timestamp() * 1000), "issue": {"id": "1"}}
        with parts.store.bound_to(tenant_id) as session:
            inbox.keep(session, str(ids.new()), "jira:issue_updated", body)
    with parts.store.bound_to(tenant_id) as session:
        (hour,) = inbox.by_hour(session, since=clock.now() - timedelta(hours=1))
    assert (hour.received, hour.late) == (4, 2)


def test_a_deleted_issue_that_jira_refuses_to_search_for_holds_up_nobody(parts: Runtime, tenant_id: UUID) -> None:
    """Jira answers a search for ids with 400 if one of them doesn't exist."""
    site = FakeSite(20, is_strict=True)
    deliver(parts, tenant_id, *range(100_000, 100_020), 100_777)
    assert drain(parts, tenant_id, site) == 21
    assert outcomes(parts, tenant_id) == {"read again": 21}


def test_what_cannot_be_applied_is_tried_alone_and_given_up_in_the_end(
    parts: Runtime, tenant_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One delivery always makes its batch fail; the others of the batch are stored."""
    real = batch.write_page

    def stumble(session: Any, page: Any, *, read_at: Any) -> Any:
        if any(row.id == "100003" for row in page.rows):
            raise ZeroDivisionError
        return real(session, page, read_at=read_at)

    monkeypatch.setattr(batch, "write_page", stumble)
    deliver(parts, tenant_id, *range(100_000, 100_010))
    site = FakeSite(20)
    for _ in range(40):
        drain(parts, tenant_id, site)
        make_due(parts, tenant_id)
        if None not in outcomes(parts, tenant_id):
            break
    assert outcomes(parts, tenant_id) == {"read again": 9, "given up": 1}
    with parts.store.bound_to(tenant_id) as session:
        row = session.execute(select(INBOX).where(INBOX.c.outcome == "given up")).one()
    crash = Condition(Code.CRASHED, error="ZeroDivisionError")
    assert (row.attempts, row.problem, row.body) == (inbox.MOST_ATTEMPTS, crash, {"issues": ["100003"]})


def test_a_busy_site_costs_no_attempt_and_is_left_alone(parts: Runtime, tenant_id: UUID) -> None:
    def busy(_path: str, _page: dict[str, Any]) -> None:
        raise JiraBusy(Code.SITE_BLOCKED, retry_at=clock.now() + timedelta(minutes=5))

    deliver(parts, tenant_id, 100_001)
    site = FakeSite(20, busy)
    with pytest.raises(JiraBusy):
        drain(parts, tenant_id, site)
    request_count = len(site.calls)
    assert drain(parts, tenant_id, site) == 0
    assert len(site.calls) == request_count, "asked again before the time that Jira named"
    with parts.store.bound_to(tenant_id) as session:
        assert session.execute(select(INBOX.c.attempts)).scalar_one() == 0


def test_a_worker_that_died_with_a_batch_leaves_it_to_the_next(parts: Runtime, tenant_id: UUID) -> None:
    deliver(parts, tenant_id, 100_001, 100_002)
    with parts.store.bound_to(tenant_id) as session:
        assert len(inbox.take(session, is_ours=False)) == 2
    site = FakeSite(20)
    assert drain(parts, tenant_id, site) == 0, "still held by whoever took it"
    make_due(parts, tenant_id)
    assert drain(parts, tenant_id, site) == 2


def test_a_redelivery_of_every_recorded_webhook_changes_nothing_the_second_time(
    a_town: Callable[..., Town], recordings: Path, is_at_scale: bool
) -> None:
    """All recorded bodies, again and again under new names: the site's state counts, not the content of bodies."""
    town = a_town(dataset="recordings", recordings=recordings)
    bodies = [json.loads(path.read_text()) for path in sorted((recordings / "webhooks").glob("*.json"))]
    assert len(bodies) == 55
    issue_ids = iter(sorted(town.live("issue"), key=int))
    bodies += [renamed(body, issue) for body, issue in zip(bodies, issue_ids, strict=False)]

    def send() -> None:
        arrivals = [
            inbox.Arrival(str(ids.new()), body.get("webhookEvent") or "jira:issue_updated", body) for body in bodies
        ]
        with town.parts.store.bound_to(town.tenant_id) as session:
            assert inbox.keep_all(session, arrivals, origin=inbox.WEBHOOK) == len(bodies)
        town.drain()

    send()
    before = town.versions()
    assert town.differences() == []
    for _ in range(10 if is_at_scale else 1):
        send()
    assert town.versions() == before
    with town.parts.store.bound_to(town.tenant_id) as session:
        count = session.execute(select(func.count()).select_from(INBOX).where(INBOX.c.done_at.is_(None)))
        assert count.scalar_one() == 0
        assert session.execute(select(INBOX.c.outcome).distinct()).scalars().all() == ["read again"]


def renamed(body: dict[str, Any], issue: str) -> dict[str, Any]:
    """The body, changed to concern an issue of the site."""
    copy = json.loads(json.dumps(body))
    if "issue" in copy:
        copy["issue"]["id"] = issue
    elif "self" in copy.get("comment", {}):
        copy["comment"]["self"] = re.sub(r"/issue/\d+/", f"/issue/{issue}/", copy["comment"]["self"])
    return copy


@pytest.mark.parametrize("event", sorted(IGNORED))
def test_an_event_that_is_let_pass_is_kept_and_changes_nothing(parts: Runtime, tenant_id: UUID, event: str) -> None:
    site = FakeSite(5)
    with parts.store.bound_to(tenant_id) as session:
        inbox.keep(session, "d-1", event, {"timestamp": 1, "filter": {"id": 7}})
    assert drain(parts, tenant_id, site) == 1
    assert site.calls == []
    assert outcomes(parts, tenant_id) == {"read again": 1}


def test_a_comment_that_comes_without_its_issue_is_found_by_the_stored_row(a_town: Callable[..., Town]) -> None:
    town = a_town()
    comment = town.site.mutate("add_comment")
    town.drain()
    town.site.options.webhooks = False
    town.site.mutate("delete_comment", issue=comment["issue_id"], comment=comment["id"])
    with town.parts.store.bound_to(town.tenant_id) as session:
        inbox.keep(session, "d", "comment_deleted", {"comment": {"id": comment["id"]}})
    town.drain()
    assert town.rows("comment")[comment["id"]] == "deleted"


def test_what_a_site_goes_through_is_stored_as_it_ends(a_town: Callable[..., Town]) -> None:
    """Every kind of change with a webhook, in order of arrival."""
    town = a_town(issues=60, projects=3, seed=5)
    kinds = [
        *("create_issue", "update_issue", "assign_issue", "transition_issue", "add_comment", "edit_comment"),
        *("delete_comment", "add_worklog", "edit_worklog", "delete_worklog", "link_issues", "unlink_issues"),
        *("create_sprint", "start_sprint", "close_sprint", "plan_issue", "move_issue", "delete_issue"),
    ]
    for kind in [*kinds, *reversed(kinds)]:
        town.site.mutate(kind)
    town.drain()
    assert town.differences() == []


def test_a_deletion_that_jira_tells_of_is_confirmed_and_taken_at_once(a_town: Callable[..., Town]) -> None:
    town = a_town()
    issue_id = town.site.mutate("delete_issue")["issue_id"]
    town.drain()
    assert town.rows("issue")[issue_id] == "deleted"
    with town.parts.store.bound_to(town.tenant_id) as session:
        (absence,) = absences.listed(session, limit=10)
    assert (absence.issue_id, absence.cause, absence.evidence) == (issue_id, "deleted", Condition(Code.WEBHOOK))


def test_a_deletion_that_is_only_claimed_buries_nothing(a_town: Callable[..., Town]) -> None:
    town = a_town()
    issue_id = min(town.live("issue"))
    with town.parts.store.bound_to(town.tenant_id) as session:
        inbox.keep(session, "d", "jira:issue_deleted", {"issue": {"id": issue_id}})
    town.drain()
    assert issue_id in town.live("issue")
    with town.parts.store.bound_to(town.tenant_id) as session:
        assert session.execute(select(ABSENCES)).all() == []


def test_an_archived_issue_goes_with_its_cause_and_comes_back(a_town: Callable[..., Town]) -> None:
    town = a_town()
    issue_id = town.site.mutate("archive_issue")["issue_id"]
    for _ in range(2):
        with town.parts.store.bound_to(town.tenant_id) as session:
            inbox.keep(session, str(ids.new()), "jira:issue_updated", {"issue": {"id": issue_id}})
        town.drain()
        assert town.rows("issue")[issue_id] == "archived"
    town.site.mutate("restore_issue", issue=issue_id)
    with town.parts.store.bound_to(town.tenant_id) as session:
        inbox.keep(session, str(ids.new()), "jira:issue_updated", {"issue": {"id": issue_id}})
    town.drain()
    assert issue_id in town.live("issue")
    assert town.differences() == []


def test_a_long_history_is_not_walked_again_for_every_edit(a_town: Callable[..., Town]) -> None:
    town = a_town(issues=400, projects=2, seed=17)
    long = next(candidate for candidate in town.site.world.searchable() if len(candidate.histories) > 60)
    town.site.traffic.reset()
    for _ in range(5):
        town.site.mutate("update_issue", issue=long.id)
        town.drain()
    templates = town.site.traffic.as_json()["by_template"]
    assert not [template for template in templates if template.endswith("/changelog")]
    assert town.differences() == []
