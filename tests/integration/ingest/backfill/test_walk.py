"""Walks that Jira cuts short, sends in circles or never ends: complete in the end, or reported."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select, update

from app import actions, clock
from app.catalog.registry import entity
from app.conditions import Code
from app.errors import JiraBusy, JiraDown, JiraFailure, JiraGone, JiraNonsense, JiraRefused, TokenExpired
from app.ingest.backfill import walk
from app.ingest.backfill.page_size import FIRST as FIRST_PAGE
from app.ingest.backfill.page_size import PAGE_OCTETS, PageSizer
from app.ingest.backfill.worker import BackfillWorker
from app.ingest.planning import plan
from app.ingest.proof import verification
from app.ingest.writing import unreadable
from app.integrations import ledger
from app.integrations.model import State
from app.privacy.erase import erase_tenant_data
from app.sources.cloud.source import CloudSource
from app.store import checkpoints, claims
from app.store.schema import CHUNKS, COMPLETENESS
from app.store.sync_tables import TALLIES
from app.store.tables import table_of
from app.web.words.sentences import english
from tests.fakes.jira import FIRST_ID, FakeSite, FakeSites, FullPages

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from sqlalchemy import Row

    from app.runtime import Runtime


FULL_PAGES = FullPages()


def backfill(
    parts: Runtime,
    tenant_id: UUID,
    site: FakeSite,
    *,
    thread_count: int = 4,
    rounds: int = 30,
    page_sizer: PageSizer = FULL_PAGES,
) -> None:
    """Plan, then run workers until no chunk waits; postponed chunks are due at once."""
    with parts.store.bound_to(tenant_id) as session:
        plan.begin_backfill(session, site_concurrency=1)
    for _ in range(rounds):
        worker = BackfillWorker(parts.store, FakeSites(site), tenant_id, 8, thread_count, page_sizer=page_sizer)  # type: ignore[arg-type]  # a fake wire
        if worker.work(until=clock.now() + timedelta(seconds=20)) == "done":
            return
        with parts.store.bound_to(tenant_id) as session:
            session.execute(update(CHUNKS).where(CHUNKS.c.state == "waiting").values(due_at=clock.now()))
    pytest.fail(str(chunks(parts, tenant_id)))


def stored(parts: Runtime, tenant_id: UUID) -> int:
    table = table_of(entity("issue"))
    with parts.store.bound_to(tenant_id) as session:
        return int(session.execute(select(func.count()).select_from(table)).scalar_one())


def chunks(parts: Runtime, tenant_id: UUID, name: str = "issue") -> Sequence[Row[Any]]:
    with parts.store.bound_to(tenant_id) as session:
        return session.execute(select(CHUNKS).where(CHUNKS.c.entity == name).order_by(CHUNKS.c.lower)).all()


def test_a_large_project_is_halved_until_each_part_is_small(parts: Runtime, tenant_id: UUID) -> None:
    site = FakeSite(3500)
    backfill(parts, tenant_id, site)
    walked_chunks = chunks(parts, tenant_id)
    assert stored(parts, tenant_id) == 3500
    assert len(walked_chunks) >= 4
    assert all(chunk.seen <= walk.LARGEST for chunk in walked_chunks)
    assert [chunk.upper for chunk in walked_chunks[:-1]] == [chunk.lower for chunk in walked_chunks[1:]]
    assert len(site.searches()) == sum(-(-chunk.seen // 100) or 1 for chunk in walked_chunks), (
        "each page was asked for once"
    )


def test_the_newest_issues_come_first(parts: Runtime, tenant_id: UUID) -> None:
    site = FakeSite(3500)
    backfill(parts, tenant_id, site, thread_count=1)
    queries = [request["jql"] for request in site.searches()]
    assert "created <" not in queries[0]


def test_a_site_never_sees_more_requests_at_once_than_it_may(parts: Runtime, tenant_id: UUID) -> None:
    site = FakeSite(6000, delay=0.02)
    backfill(parts, tenant_id, site, thread_count=16)
    assert 2 <= site.most_in_flight <= 8


def test_a_walk_that_ends_early_is_walked_again(parts: Runtime, tenant_id: UUID) -> None:
    cut = iter([True, True])

    def end_early(path: str, page: dict[str, Any]) -> None:
        if path.endswith("/search/jql") and page.get("nextPageToken") == "300" and next(cut, False):
            page.pop("nextPageToken")
            page["isLast"] = True

    backfill(parts, tenant_id, FakeSite(900, end_early))
    assert stored(parts, tenant_id) == 900


def test_a_walk_that_always_ends_early_is_said(parts: Runtime, tenant_id: UUID) -> None:
    def end_early(path: str, page: dict[str, Any]) -> None:
        if path.endswith("/search/jql") and len(page["issues"]) > 1:
            page["issues"] = page["issues"][:-1]

    backfill(parts, tenant_id, FakeSite(150, end_early))
    assert stored(parts, tenant_id) < 150
    problems = [chunk.problem for chunk in chunks(parts, tenant_id)]
    assert any("keeps sending fewer" in english(problem) for problem in problems if problem)


def test_a_walk_that_got_everything_at_its_last_try_has_no_problem(parts: Runtime, tenant_id: UUID) -> None:
    short_walks = iter([True, True, True])

    def end_early(path: str, page: dict[str, Any]) -> None:
        if path.endswith("/search/jql") and len(page["issues"]) > 1 and next(short_walks, False):
            page["issues"] = page["issues"][:-1]

    backfill(parts, tenant_id, FakeSite(90, end_early))
    assert stored(parts, tenant_id) == 90
    (chunk,) = chunks(parts, tenant_id)
    assert (chunk.state, chunk.seen, chunk.problem) == ("done", 90, None)


def test_a_walk_is_held_against_the_count_of_its_end(parts: Runtime, tenant_id: UUID) -> None:
    """Issues that are deleted between the tries are no shortfall."""
    site = FakeSite(90)
    tries = iter(range(1, 10))

    def shrink(path: str, page: dict[str, Any]) -> None:
        if path.endswith("/search/jql") and len(page["issues"]) > 1:
            page["issues"] = page["issues"][:-1]
            site.count = 89 if next(tries) > 3 else 90

    site.misbehave = shrink
    backfill(parts, tenant_id, site)
    (chunk,) = chunks(parts, tenant_id)
    assert (chunk.state, chunk.seen, chunk.expected, chunk.problem) == ("done", 89, 89, None)


@pytest.mark.parametrize(
    ("failure", "times"),
    [
        (JiraBusy(Code.SITE_BLOCKED, retry_at=clock.now() + timedelta(minutes=9)), 3),
        (JiraDown(Code.ANSWERED, status=503, endpoint=""), 3),
        (JiraNonsense(Code.ANSWER_NOT_JSON), 3),
        (TokenExpired(Code.TOKEN_EXPIRED), 3),
    ],
)
def test_a_passing_failure_costs_no_rows(parts: Runtime, tenant_id: UUID, failure: Exception, times: int) -> None:
    remaining_failures = iter(range(times))

    def fail(path: str, page: dict[str, Any]) -> None:
        if (
            path.endswith("/search/jql")
            and page.get("nextPageToken") == "200"
            and next(remaining_failures, None) is not None
        ):
            raise failure

    backfill(parts, tenant_id, FakeSite(450, fail))
    assert stored(parts, tenant_id) == 450


def test_a_busy_site_is_left_alone_until_its_own_time(parts: Runtime, tenant_id: UUID) -> None:
    due = clock.now() + timedelta(minutes=9)

    def busy(path: str, _page: dict[str, Any]) -> None:
        if path.endswith("/search/jql"):
            raise JiraBusy(Code.SITE_BLOCKED, retry_at=due)

    with parts.store.bound_to(tenant_id) as session:
        plan.begin_backfill(session, site_concurrency=1)
    worker = BackfillWorker(parts.store, FakeSites(FakeSite(10, busy)), tenant_id, 8, 2, page_sizer=FULL_PAGES)  # type: ignore[arg-type]  # a fake wire
    assert worker.work(until=clock.now() + timedelta(seconds=20)) == "later"
    (chunk,) = chunks(parts, tenant_id)
    assert (chunk.due_at, chunk.attempts) == (due, 0)


def asks_to_wait(reason: str = "no reason given") -> JiraBusy:
    retry_at = clock.now() + timedelta(hours=1)
    return JiraBusy(Code.ASKED_TO_WAIT, retry_at=retry_at, status=429, reason=reason, endpoint="")


def run_until_done(parts: Runtime, tenant_id: UUID, site: FakeSite, *, rounds: int) -> str:
    """Plan, then run workers with every postponed chunk due at once. Returns the end of the last worker."""
    with parts.store.bound_to(tenant_id) as session:
        plan.begin_backfill(session, site_concurrency=1)
    end = ""
    for _ in range(rounds):
        worker = BackfillWorker(parts.store, FakeSites(site), tenant_id, 8, 1, page_sizer=FULL_PAGES)  # type: ignore[arg-type]  # a fake wire
        end = worker.work(until=clock.now() + timedelta(seconds=20))
        if end == "done":
            break
        with parts.store.bound_to(tenant_id) as session:
            session.execute(update(CHUNKS).where(CHUNKS.c.state == "waiting").values(due_at=clock.now()))
    return end


@pytest.mark.parametrize("path", ["/search/jql", "/project/10000/version"])
def test_a_part_that_asks_for_a_pause_at_every_try_is_set_aside(parts: Runtime, tenant_id: UUID, path: str) -> None:
    def wait(request_path: str, _page: dict[str, Any]) -> None:
        if request_path.endswith(path):
            raise asks_to_wait()

    site = FakeSite(10, wait)
    assert run_until_done(parts, tenant_id, site, rounds=20) == "done"
    tries = [request_path for request_path, _ in site.calls if request_path.endswith(path)]
    with parts.store.bound_to(tenant_id) as session:
        (part,) = unreadable.listed(session, limit=9)
    assert (len(tries), part.scope_id, part.reason.code) == (9, "10000", Code.PART_BROKEN)


@pytest.mark.parametrize("reason", ["no reason given", "jira-quota-tenant-based"])
def test_nothing_is_set_aside_while_the_whole_site_asks_for_a_pause(
    parts: Runtime, tenant_id: UUID, reason: str
) -> None:
    def wait(path: str, _page: dict[str, Any]) -> None:
        # A quota is about the whole site, even where its cheapest question is still answered.
        if "quota" not in reason or not path.endswith("/myself"):
            raise asks_to_wait(reason)

    assert run_until_done(parts, tenant_id, FakeSite(10, wait), rounds=15) == "later"
    with parts.store.bound_to(tenant_id) as session:
        assert unreadable.count(session) == 0
        assert claims.standing(session).failed == 0


def test_a_token_that_repeats_is_noticed(parts: Runtime, tenant_id: UUID) -> None:
    circles = iter(range(2))

    def circle(path: str, page: dict[str, Any]) -> None:
        if path.endswith("/search/jql") and page.get("nextPageToken") == "300" and next(circles, None) is not None:
            page["nextPageToken"] = "100"

    site = FakeSite(500, circle)
    backfill(parts, tenant_id, site)
    assert stored(parts, tenant_id) == 500
    assert len(site.searches()) < 30


def test_empty_pages_without_end_are_noticed(parts: Runtime, tenant_id: UUID) -> None:
    numbers = iter(range(1000, 1010))

    def empty(path: str, page: dict[str, Any]) -> None:
        if path.endswith("/search/jql") and (number := next(numbers, None)) is not None:
            page.update(issues=[], isLast=False, nextPageToken=str(number))

    backfill(parts, tenant_id, FakeSite(120, empty))
    assert stored(parts, tenant_id) == 120


def test_a_site_that_shows_nothing_to_the_app_is_told_part_by_part(parts: Runtime, tenant_id: UUID) -> None:
    def refuse(path: str, _page: dict[str, Any]) -> None:
        if not path.endswith("/myself"):
            raise JiraRefused(Code.ANSWERED, status=403, endpoint="")

    with parts.store.bound_to(tenant_id) as session:
        plan.begin_backfill(session, site_concurrency=1)
    worker = BackfillWorker(parts.store, FakeSites(FakeSite(10, refuse)), tenant_id, 8, 2, page_sizer=FULL_PAGES)  # type: ignore[arg-type]  # a fake wire
    assert worker.work(until=clock.now() + timedelta(seconds=20)) == "done"
    with parts.store.bound_to(tenant_id) as session:
        assert claims.standing(session).due == 0
        unread_parts = unreadable.listed(session, limit=100)
    assert {part.entity for part in unread_parts} == {"board", "project"}, "the fake site always answers the others"
    assert {part.reason.code for part in unread_parts} == {Code.NOT_FOR_US}


def test_a_paused_integration_stops_within_a_page(parts: Runtime, tenant_id: UUID) -> None:
    page_count = 0

    def pause_after_three(path: str, _page: dict[str, Any]) -> None:
        nonlocal page_count
        page_count += path.endswith("/search/jql")
        if page_count == 3:
            with parts.store.bound_to(tenant_id) as session:
                integration = ledger.of_tenant(session)
                assert integration is not None
                actions.pause(session, integration.id)

    with parts.store.bound_to(tenant_id) as session:
        plan.begin_backfill(session, site_concurrency=1)
    site = FakeSite(900, pause_after_three)
    BackfillWorker(parts.store, FakeSites(site), tenant_id, 8, 1, page_sizer=FULL_PAGES).work(
        until=clock.now() + timedelta(seconds=20)
    )  # type: ignore[arg-type]  # a fake wire
    assert page_count == 3
    assert stored(parts, tenant_id) == 200


def test_an_erasure_while_jira_is_asked_leaves_no_findings_behind(
    parts: Runtime, tenant_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = FakeSite(20)
    backfill(parts, tenant_id, site)

    def counted_too_late(*_: object) -> int:
        with parts.store.bound_to(tenant_id) as session:
            integration = ledger.of_tenant(session)
            assert integration is not None
            ledger.move_to(session, integration.id, State.DELETING)
        erase_tenant_data(parts.store, tenant_id)
        return 20

    monkeypatch.setattr(CloudSource, "count", counted_too_late)
    assert verification.verify(parts.store, site.source, tenant_id) == []  # type: ignore[arg-type]  # a fake wire
    with parts.store.bound_to(tenant_id) as session:
        for table in (COMPLETENESS, TALLIES):
            assert session.execute(select(func.count()).select_from(table)).scalar_one() == 0


def issue_at(number: int) -> str:
    return str(100_000 + number)


def unreadable_with(number: int, failure: JiraFailure) -> Callable[[str, dict[str, Any]], None]:
    """Make every page with this issue unreadable on an otherwise healthy site."""

    def refuse(path: str, page: dict[str, Any]) -> None:
        is_whole = any("summary" in issue["fields"] for issue in page.get("issues", ()))
        if path.endswith("/search/jql") and is_whole and issue_at(number) in {issue["id"] for issue in page["issues"]}:
            raise failure

    return refuse


@pytest.mark.parametrize(
    "failure",
    [
        JiraNonsense(Code.ANSWER_NOT_JSON),
        JiraDown(Code.ANSWERED, status=500, endpoint=""),
        TokenExpired(Code.TOKEN_EXPIRED),
    ],
)
def test_the_issues_of_a_page_that_never_can_be_read_are_read_one_by_one(
    parts: Runtime, tenant_id: UUID, failure: JiraFailure
) -> None:
    site = FakeSite(250, unreadable_with(137, failure))
    backfill(parts, tenant_id, site, rounds=200)
    # The fake site answers no direct read, so the issue itself is gone.
    assert stored(parts, tenant_id) == 249
    assert [(chunk.entity, chunk.problem) for chunk in chunks(parts, tenant_id) if chunk.state != "done"] == []
    assert len(site.searches()) < 50


@pytest.mark.parametrize(
    "failure",
    [
        JiraNonsense(Code.ANSWER_NOT_JSON),
        JiraDown(Code.ANSWERED, status=500, endpoint=""),
        TokenExpired(Code.TOKEN_EXPIRED),
    ],
)
def test_a_page_that_cannot_be_read_is_asked_for_again_after_a_pause(
    parts: Runtime, tenant_id: UUID, failure: JiraFailure
) -> None:
    site = FakeSite(250, unreadable_with(137, failure))
    with parts.store.bound_to(tenant_id) as session:
        plan.begin_backfill(session, site_concurrency=1)
    start = clock.now()
    worker = BackfillWorker(parts.store, FakeSites(site), tenant_id, 8, 2, page_sizer=FULL_PAGES)  # type: ignore[arg-type]  # a fake wire
    assert worker.work(until=start + timedelta(seconds=20)) == "later"
    (chunk,) = chunks(parts, tenant_id)
    assert chunk.attempts == 1
    assert chunk.due_at > start + timedelta(seconds=1)
    assert len(site.searches()) == 2


def test_only_the_page_that_could_not_be_read_is_asked_for_again(parts: Runtime, tenant_id: UUID) -> None:
    remaining_failures = iter(range(2))

    def cut(path: str, page: dict[str, Any]) -> None:
        if (
            path.endswith("/search/jql")
            and page.get("nextPageToken") == "300"
            and next(remaining_failures, None) is not None
        ):
            raise JiraNonsense(Code.ANSWER_NOT_JSON)

    site = FakeSite(500, cut)
    backfill(parts, tenant_id, site)
    assert [request.get("nextPageToken") for request in site.searches()] == [
        None,
        "100",
        "200",
        "200",
        "200",
        "300",
        "400",
    ]


def test_a_walk_that_always_ends_on_its_second_page_is_said(parts: Runtime, tenant_id: UUID) -> None:
    def end_early(path: str, page: dict[str, Any]) -> None:
        if path.endswith("/search/jql") and page.get("nextPageToken") == "200":
            page.pop("nextPageToken")
            page["isLast"] = True

    # Created at the same moment: the range can't be halved.
    backfill(parts, tenant_id, FakeSite(250, end_early, step=0))
    (short,) = [chunk for chunk in chunks(parts, tenant_id) if chunk.seen]
    assert (short.state, short.seen) == ("done", 200)
    assert english(short.problem) == "Jira counts 250 issues and keeps sending fewer"


def test_an_outage_longer_than_all_tries_loses_nothing_and_is_told(parts: Runtime, tenant_id: UUID) -> None:
    request_numbers = iter(range(10_000))

    def down(_path: str, _page: dict[str, Any]) -> None:
        if next(request_numbers) < 150:
            raise JiraDown(Code.NO_ANSWER, error="ConnectTimeout")

    site = FakeSite(250, down)
    backfill(parts, tenant_id, site, rounds=40)
    assert stored(parts, tenant_id) == 250
    assert [chunk.state for chunk in chunks(parts, tenant_id)] == ["done"]


def test_a_chunk_whose_workers_die_each_time_is_given_up(parts: Runtime, tenant_id: UUID) -> None:
    with parts.store.bound_to(tenant_id) as session:
        plan.begin_backfill(session, site_concurrency=1)
    site = FakeSite(0)
    for _ in range(20):
        with parts.store.bound_to(tenant_id) as session:
            if not claims.claim(session, at_once=8):
                break
            # The worker was killed, perhaps by the page that it read.
            session.execute(update(CHUNKS).where(CHUNKS.c.entity != "field").values(state="done"))
            session.execute(update(CHUNKS).values(leased_until=clock.now() - timedelta(seconds=1)))
    worker = BackfillWorker(parts.store, FakeSites(site), tenant_id, 8, 1, page_sizer=FULL_PAGES)  # type: ignore[arg-type]  # a fake wire
    worker.work(until=clock.now() + timedelta(seconds=20))
    (chunk,) = chunks(parts, tenant_id, "field")
    assert (chunk.state, site.calls) == ("failed", [])
    assert "died" in english(chunk.problem)


def test_rows_that_stay_missing_are_asked_for_again_once(
    parts: Runtime, tenant_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = FakeSite(150)
    backfill(parts, tenant_id, site)
    monkeypatch.setattr(CloudSource, "count", lambda *_: 151)

    def end_early(_path: str, page: dict[str, Any]) -> None:
        if "created DESC" in site.calls[-1][1].get("jql", ""):
            page["issues"].pop()

    # The lists differ in the two orders, so they don't disprove the count.
    site.misbehave = end_early
    for due in (1, 0, 0):
        verification.verify(parts.store, site.source, tenant_id)  # type: ignore[arg-type]  # a fake wire
        with parts.store.bound_to(tenant_id) as session:
            assert claims.standing(session).due == due
            session.execute(update(CHUNKS).values(state="done"))
            integration = ledger.of_tenant(session)
    assert integration is not None
    assert integration.state is State.NEEDS_ATTENTION
    assert integration.state_reason is not None
    assert "1 of 151 issue rows are missing" in english(integration.state_reason)


def test_pages_of_large_issues_hold_fewer_and_are_full_again_where_issues_are_usual(
    parts: Runtime, tenant_id: UUID
) -> None:
    def weigh(_path: str, page: dict[str, Any]) -> None:
        heavy = [issue for issue in page.get("issues", []) if int(issue["id"]) < FIRST_ID + 60]
        page["unread"] = "x" * (len(heavy) * PAGE_OCTETS // 5)

    site = FakeSite(600, weigh)
    backfill(parts, tenant_id, site, thread_count=1, page_sizer=PageSizer())
    assert stored(parts, tenant_id) == 600
    sizes = [request["maxResults"] for request in site.searches()]
    assert sizes[0] == FIRST_PAGE
    assert set(sizes[1:10]) <= {4, 5}
    assert sizes[-3:] == [100] * 3


def test_a_search_that_is_out_of_order_ends_no_worker(parts: Runtime, tenant_id: UUID) -> None:
    """The search for the middle fails too, which must not make the worker drop its chunk."""
    is_broken = True

    def refuse(path: str, _page: dict[str, Any]) -> None:
        if is_broken and path.endswith("/search/jql"):
            raise JiraNonsense(Code.ANSWER_NOT_JSON)

    site = FakeSite(10, refuse)
    with parts.store.bound_to(tenant_id) as session:
        plan.begin_backfill(session, site_concurrency=1)
    for _ in range(8):
        worker = BackfillWorker(parts.store, FakeSites(site), tenant_id, 8, 2)  # type: ignore[arg-type]  # a fake wire
        assert worker.work(until=clock.now() + timedelta(seconds=20)) in {"later", "done"}
        with parts.store.bound_to(tenant_id) as session:
            session.execute(update(CHUNKS).where(CHUNKS.c.state == "waiting").values(due_at=clock.now()))
    (chunk,) = chunks(parts, tenant_id)
    assert (chunk.state, chunk.leased_until) == ("failed", None)
    with parts.store.bound_to(tenant_id) as session:
        assert [part.entity for part in unreadable.listed(session, limit=10)] == ["issue"]
        assert checkpoints.walk_failed_again(session, "issue", chunk.scope_id) == 1
    is_broken = False
    backfill(parts, tenant_id, site)
    assert stored(parts, tenant_id) == 10


def test_a_search_that_the_site_has_no_more_is_no_empty_project(parts: Runtime, tenant_id: UUID) -> None:
    def remove(path: str, _page: dict[str, Any]) -> None:
        if path.endswith("/search/jql"):
            raise JiraGone(Code.ANSWERED, status=410, endpoint="")

    backfill(parts, tenant_id, FakeSite(3, remove))
    assert [(chunk.state, chunk.seen) for chunk in chunks(parts, tenant_id)] == [("failed", 0)]
