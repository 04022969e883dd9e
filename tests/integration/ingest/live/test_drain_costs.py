"""The cost of draining: few requests for many deliveries, none for known facts, and no idle workers."""

from __future__ import annotations

import threading
import time
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from app import clock, jobs
from app.ingest.live import Drain
from app.ingest.live import drain as drain_module
from app.ingest.planning import inbox
from app.store.schema import INBOX, INTEGRATIONS
from tests.factories import a_paired_site
from tests.fakes.jira import FakeSite
from tests.integration.ingest.conftest import deliver
from tests.story.processes import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from app.runtime import Runtime
    from tests.integration.ingest.conftest import Town


def asked(town: Town) -> Counter[str]:
    """Requests since the last call, by the last part of the path."""
    requests: Counter[str] = Counter()
    for template, count in town.site.traffic.as_json()["by_template"].items():
        requests[template.rsplit("/", 1)[1]] += count
    town.site.traffic.reset()
    return requests


def lonely(town: Town) -> str:
    """An issue with comments and without relations to others."""
    issues = list(town.site.world.searchable())
    parents = {(issue.fields.get("parent") or {}).get("id") for issue in issues}
    return next(
        issue.id
        for issue in issues
        if issue.comments
        and issue.id not in parents
        and not issue.fields.get("parent")
        and not issue.fields["issuelinks"]
    )


def test_what_is_called_deleted_is_asked_for_by_itself_and_the_others_together(a_town: Callable[..., Town]) -> None:
    """Jira would refuse the whole search because of the deleted issue."""
    town = a_town(issues=60, seed=5)
    deleted_id = lonely(town)
    other_ids = [issue.id for issue in town.site.world.searchable() if issue.id != deleted_id][:3]
    asked(town)
    town.site.mutate("delete_issue", issue=deleted_id)
    for issue_id in other_ids:
        town.site.mutate("update_issue", issue=issue_id)
    town.drain()
    counts = asked(town)
    assert (counts["jql"], counts["match"], counts["{key}"]) == (1, 1, 1), counts
    assert town.rows("issue")[deleted_id] == "deleted"
    assert town.wrong_fields() == ""


def test_the_end_of_an_issue_that_was_found_deleted_costs_no_question_when_it_is_told_again(
    a_town: Callable[..., Town],
) -> None:
    town = a_town(issues=60, seed=5)
    deleted_id = lonely(town)
    comment = str(town.site.world.issues[deleted_id].comments[0]["id"])
    town.site.mutate("delete_issue", issue=deleted_id)
    town.drain()
    assert town.rows("issue")[deleted_id] == "deleted"
    asked(town)
    deliver(town.parts, town.tenant_id, deleted_id, event="comment_deleted")
    deliver(town.parts, town.tenant_id, deleted_id, event="jira:issue_deleted")
    with town.parts.store.bound_to(town.tenant_id) as session:
        inbox.keep(session, "d", "comment_deleted", {"comment": {"id": comment}})
    assert town.drain() == 3
    assert asked(town) == {}
    # Any other event of the issue is a reason to read it.
    deliver(town.parts, town.tenant_id, deleted_id)
    deliver(town.parts, town.tenant_id, deleted_id, event="comment_deleted")
    town.drain()
    assert asked(town)["{key}"] == 1


def test_a_hidden_issue_that_was_called_deleted_is_back_when_it_is_shown_again(a_town: Callable[..., Town]) -> None:
    town = a_town(issues=60, seed=5)
    issue = lonely(town)
    town.site.options.webhooks = False
    town.site.mutate("hide_issue", issue=issue)
    deliver(town.parts, town.tenant_id, issue, event="jira:issue_deleted")
    town.drain()
    assert town.rows("issue")[issue] == "deleted"
    town.site.mutate("reveal_issue", issue=issue)
    deliver(town.parts, town.tenant_id, issue, event="comment_deleted")
    deliver(town.parts, town.tenant_id, issue)
    town.drain()
    assert issue in town.live("issue")
    assert town.differences() == []


class QueueView:
    """A queue with or without another tenant's live jobs."""

    def __init__(self, *, is_live: bool) -> None:
        self._is_live = is_live

    def is_live(self, *, besides: UUID) -> bool:  # noqa: ARG002 - the answer is the same for all
        return self._is_live


def trickle(parts: Runtime, tenant_id: UUID, queue_view: QueueView) -> tuple[int, float]:
    """Send sixty deliveries, one every 20 ms, each with its job. Returns the number of searches and the duration."""
    site = FakeSite(60)
    drain = Drain(parts.store, site.source, tenant_id, queue_view=queue_view)  # type: ignore[arg-type]  # fakes of both
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.01):
            drain.run(until=clock.now() + timedelta(seconds=20))

    worker = threading.Thread(target=work)
    start = time.monotonic()
    worker.start()
    for number in range(60):
        deliver(parts, tenant_id, str(100_000 + number))
        time.sleep(0.02)
    over.set()
    worker.join()
    drain.run(until=clock.now() + timedelta(seconds=20))
    seconds = time.monotonic() - start
    with parts.store.bound_to(tenant_id) as session:
        assert inbox.waiting(session, is_ours=False) == 0
    return sum(path.endswith("/search/jql") for path, _ in site.calls), seconds


def test_a_site_that_keeps_changing_is_read_at_a_measured_pace(parts: Runtime, tenant_id: UUID) -> None:
    searches, seconds = trickle(parts, tenant_id, QueueView(is_live=False))
    assert searches <= seconds / drain_module.GAP.total_seconds() + 2


def test_a_worker_that_another_site_waits_for_does_not_wait(
    parts: Runtime, tenant_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain_module, "_wait", lambda seconds: pytest.fail(f"waited {seconds} s"))
    trickle(parts, tenant_id, QueueView(is_live=True))


def test_the_queue_knows_other_waiting_tenants(parts: Runtime, tenant_id: UUID) -> None:
    queue_view, other_tenant = jobs.QueueView(parts.redis), a_paired_site(parts)[0].tenant_id
    jobs.queue(parts.redis, jobs.Lane.LIVE).empty()
    assert not queue_view.is_live(besides=tenant_id)
    jobs.enqueue(parts.redis, jobs.WEBHOOKS, str(tenant_id), once_as=f"{tenant_id}-1")
    assert not queue_view.is_live(besides=tenant_id)
    assert queue_view.is_live(besides=other_tenant)


def test_where_jira_takes_long_another_worker_reads_on(
    parts: Runtime, tenant_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A waiting worker, like a killed one, doesn't block deliveries that it hasn't claimed."""
    monkeypatch.setattr(drain_module, "_INBOX_LEASE", timedelta(seconds=0.2))
    has_begun, may_end, counts = threading.Event(), threading.Event(), list[int]()

    def hang(path: str, _page: object) -> None:
        if path.endswith("/search/jql") and not has_begun.is_set():
            has_begun.set()
            may_end.wait(60)

    def run(site: FakeSite) -> int:
        return Drain(parts.store, site.source, tenant_id).run(until=clock.now() + timedelta(seconds=60))  # type: ignore[arg-type]  # a fake wire

    deliver(parts, tenant_id, "100001")
    slow = threading.Thread(target=lambda: counts.append(run(FakeSite(20, hang))))
    slow.start()
    assert has_begun.wait(60)
    deliver(parts, tenant_id, "100002")
    wait_for(lambda: run(FakeSite(20)) == 1, 60)
    deliver(parts, tenant_id, "100003")
    may_end.set()
    slow.join()
    assert counts == [2], "its own delivery, then the last one"
    with parts.store.bound_to(tenant_id) as session:
        rows = session.execute(select(INBOX.c.outcome, INBOX.c.attempts)).all()
    assert [tuple(row) for row in rows] == [("read again", 1)] * 3


def test_deliveries_of_an_integration_that_is_paused_wait_and_keep_no_worker(parts: Runtime, tenant_id: UUID) -> None:
    deliver(parts, tenant_id, "100000")
    with parts.store.unrestricted_unsafe() as session:
        is_ours = INTEGRATIONS.c.tenant_id == tenant_id
        session.execute(update(INTEGRATIONS).where(is_ours).values(state="paused"))
    site, until = FakeSite(5), clock.now() + timedelta(seconds=15)
    assert Drain(parts.store, site.source, tenant_id).run(until=until) == 0  # type: ignore[arg-type]  # a fake wire
    assert site.calls == []
    assert clock.now() < until, "it went round and round until its time was up"
