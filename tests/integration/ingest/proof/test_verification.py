"""A verification survives a bad network and is enqueued again after the loss of its job."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import delete, select, text, update

from app import clock
from app.catalog.registry import entity
from app.conditions import Code
from app.errors import JiraBusy, JiraDown, JiraFailure, JiraNonsense
from app.ingest.backfill.worker import BackfillWorker, walk_limit
from app.ingest.planning import plan
from app.ingest.proof import counting, lost_jobs, verification
from app.ingest.proof.count_cache import CountCache
from app.ingest.writing import project_access
from app.integrations import ledger
from app.integrations.model import State
from app.sources import Scope
from app.sources.cloud.source import CloudSource
from app.store import claims
from app.store.schema import CHUNKS, COMPLETENESS
from app.store.sync_tables import FROZEN_PROJECTS
from app.store.tables import table_of
from tests.fakes.jira import FakeSite, FakeSites, end_early

if TYPE_CHECKING:
    from uuid import UUID

    from app.runtime import Runtime


def backfill(parts: Runtime, tenant_id: UUID, site: FakeSite) -> None:
    with parts.store.bound_to(tenant_id) as session:
        plan.begin_backfill(session, site_concurrency=1)
    worker = BackfillWorker(parts.store, FakeSites(site), tenant_id, walk_limit(8), 4)  # type: ignore[arg-type]  # a fake wire
    assert worker.work(until=clock.now() + timedelta(seconds=20)) == "done"


def verify(parts: Runtime, tenant_id: UUID, site: FakeSite) -> State:
    verification.verify(parts.store, site.source, tenant_id)  # type: ignore[arg-type]  # a fake wire
    with parts.store.bound_to(tenant_id) as session:
        integration = ledger.of_tenant(session)
    assert integration is not None
    return integration.state


@pytest.mark.parametrize(
    "failure", [JiraDown(Code.ANSWERED, status=502, endpoint=""), JiraNonsense(Code.ANSWER_NOT_JSON)]
)
def test_a_count_that_fails_twice_is_asked_for_a_third_time(
    parts: Runtime, tenant_id: UUID, failure: JiraFailure
) -> None:
    site = FakeSite(50)
    backfill(parts, tenant_id, site)
    remaining_failures = iter(range(2))

    def fail(path: str, _page: dict[str, Any]) -> None:
        if path.endswith("/approximate-count") and next(remaining_failures, None) is not None:
            raise failure

    site.misbehave = fail
    assert verify(parts, tenant_id, site) is State.HEALTHY


@pytest.mark.parametrize("is_well", [True, False])
def test_ids_are_compared_where_a_count_keeps_failing_and_nothing_during_an_outage(
    parts: Runtime, tenant_id: UUID, *, is_well: bool
) -> None:
    site = FakeSite(50)
    backfill(parts, tenant_id, site)

    def fail(path: str, _page: dict[str, Any]) -> None:
        if path.endswith("/approximate-count" if is_well else ""):
            raise JiraDown(Code.ANSWERED, status=502, endpoint="")

    site.misbehave = fail
    if is_well:
        assert verify(parts, tenant_id, site) is State.HEALTHY
    else:
        with pytest.raises(JiraDown):
            verify(parts, tenant_id, site)


def test_ids_in_both_orders_disprove_a_count_that_is_too_high(
    parts: Runtime, tenant_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = FakeSite(50)
    backfill(parts, tenant_id, site)
    monkeypatch.setattr(CloudSource, "count", lambda *_: 53)
    for _ in range(2):
        assert verify(parts, tenant_id, site) is State.HEALTHY
    with parts.store.bound_to(tenant_id) as session:
        row = session.execute(select(COMPLETENESS).where(COMPLETENESS.c.entity == "issue")).first()
        assert claims.standing(session).waiting == 0
    assert row is not None
    assert (row.stored, row.expected, row.method, row.is_complete) == (50, 50, counting.ID_SWEEP, True)


@pytest.mark.parametrize("difference", [-1, 1])
def test_a_count_that_is_too_high_hides_neither_missing_nor_surplus_rows(
    parts: Runtime, tenant_id: UUID, monkeypatch: pytest.MonkeyPatch, difference: int
) -> None:
    site = FakeSite(50)
    backfill(parts, tenant_id, site)
    site.count -= difference
    monkeypatch.setattr(CloudSource, "count", lambda *_: 53)
    assert verify(parts, tenant_id, site) is State.NEEDS_ATTENTION
    with parts.store.bound_to(tenant_id) as session:
        row = session.execute(select(COMPLETENESS).where(COMPLETENESS.c.entity == "issue")).one()
    assert (row.stored - row.expected, row.is_complete) == (difference, False)


@pytest.mark.parametrize("missing_number", [0, 25, 50])
def test_lists_that_end_early_disprove_no_count(parts: Runtime, tenant_id: UUID, missing_number: int) -> None:
    """As long a list in each order, but of other issues: the count is right, and one issue isn't stored."""
    site = FakeSite(51)
    backfill(parts, tenant_id, site)
    issue = table_of(entity("issue"))
    with parts.store.bound_to(tenant_id) as session:
        stored_ids = session.execute(select(issue.c.id).order_by(issue.c.created)).scalars().all()
        session.execute(delete(issue).where(issue.c.id == stored_ids[missing_number]))
    site.misbehave = end_early
    assert verify(parts, tenant_id, site) is State.NEEDS_ATTENTION
    with parts.store.bound_to(tenant_id) as session:
        query = select(COMPLETENESS).order_by(COMPLETENESS.c.verified_at.desc()).where(COMPLETENESS.c.entity == "issue")
        row = session.execute(query.limit(1)).one()
    assert (row.stored, row.expected, row.is_complete) == (50, 51, False)


def is_asked_for(parts: Runtime, tenant_id: UUID) -> bool:
    with parts.store.unrestricted_unsafe() as session:
        return any(work.is_unverified for work in lost_jobs.find_due(session) if work.tenant_id == tenant_id)


def test_the_sweep_asks_for_a_verification_whose_job_was_lost(parts: Runtime, tenant_id: UUID) -> None:
    site = FakeSite(50)
    backfill(parts, tenant_id, site)
    assert is_asked_for(parts, tenant_id)
    assert verify(parts, tenant_id, site) is State.HEALTHY
    assert not is_asked_for(parts, tenant_id)


def test_also_where_somebody_must_act_but_only_when_something_was_read_since(parts: Runtime, tenant_id: UUID) -> None:
    site = FakeSite(50)
    backfill(parts, tenant_id, site)
    with parts.store.bound_to(tenant_id) as session:
        project_access.freeze(session, ["10000"])
    assert verify(parts, tenant_id, site) is State.NEEDS_ATTENTION
    assert not is_asked_for(parts, tenant_id)
    with parts.store.bound_to(tenant_id) as session:
        session.execute(update(FROZEN_PROJECTS).values(thawed_at=clock.now()))
        session.execute(update(CHUNKS).where(CHUNKS.c.entity == "status").values(finished_at=clock.now()))
    assert is_asked_for(parts, tenant_id)
    assert verify(parts, tenant_id, site) is State.HEALTHY


def test_counts_that_were_held_back_go_on_where_they_were(parts: Runtime, tenant_id: UUID) -> None:
    site, projects = FakeSite(7), [Scope(str(number)) for number in range(10_000, 10_012)]
    paths: list[str] = []
    remaining_answers = iter(())

    def held_back(path: str, _page: dict[str, Any]) -> None:
        if next(remaining_answers, None) is None:
            raise JiraBusy(Code.SITE_BUSY, retry_at=clock.now())
        paths.append(path)

    site.misbehave = held_back
    cache = CountCache(parts.redis, tenant_id)
    for _ in range(5):
        remaining_answers = iter(range(2))
        with pytest.raises(JiraBusy):
            verification._counted(site.source, projects, cache)  # type: ignore[arg-type]  # a fake wire
    remaining_answers = iter(range(2))
    assert verification._counted(site.source, projects, cache) == {project.project_id: 7 for project in projects}  # type: ignore[arg-type]
    assert len(paths) == len(projects), "a project was counted twice"


def test_a_verification_that_is_over_leaves_no_count_to_the_next(parts: Runtime, tenant_id: UUID) -> None:
    site = FakeSite(50)
    backfill(parts, tenant_id, site)
    for _ in range(2):
        before = len(site.calls)
        verification.verify(parts.store, site.source, tenant_id, CountCache(parts.redis, tenant_id))  # type: ignore[arg-type]
        assert [path for path, _ in site.calls[before:]] == ["/rest/api/3/search/approximate-count"]


def test_without_redis_every_attempt_counts_anew(tenant_id: UUID) -> None:
    cache = CountCache(Redis(port=1, retry=Retry(NoBackoff(), 0)), tenant_id)
    cache.note("10000", 7)
    assert cache.known() == {}
    cache.forget()


def test_what_lies_in_issues_is_never_counted_issue_by_issue(parts: Runtime, tenant_id: UUID) -> None:
    """With old statistics PostgreSQL compared every comment with every issue, which took minutes."""
    planner = text("SHOW enable_nestloop")
    with parts.store.bound_to(tenant_id) as session:
        assert list(counting.inside_issues(session)) == []
        assert session.execute(planner).scalar_one() == "off"
    with parts.store.bound_to(tenant_id) as session:
        assert session.execute(planner).scalar_one() == "on"
