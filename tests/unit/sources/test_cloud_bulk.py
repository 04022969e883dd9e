"""Issues of Jira Cloud by the bulk endpoints: the requests of a page, its histories, and issues that can't be had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.catalog.conversion import to_moment
from app.catalog.extract import TopUp
from app.catalog.field_policy import FieldPolicy
from app.catalog.json_value import find
from app.errors import JiraDown, TokenExpired
from app.jira.client import whole
from app.sources import Broken, NotForUs, NotOffered, Page, Place, Scope, WalkGuard, follow
from app.sources.cloud_bulk.refusals import Refusals
from app.sources.cloud_bulk.source import CloudBulkSource
from tests.fakes.bulk_jira import BulkJira, history
from tests.fakes.recorded_site import examples, platform_document
from tests.fakes.site import site_over
from tests.unit.catalog.recorded import parts_of, rows_of

if TYPE_CHECKING:
    from pathlib import Path

    from app.catalog.json_value import Json
    from app.sources import Finding
    from tests.fakes.wire import Wire
    from tests.unit.conftest import FrozenClock

SCOPE = Scope("10003")
SEARCH, BULK, LOGS = "GET search/jql", "POST issue/bulkfetch", "POST changelog/bulkfetch"


def ids(*numbers: int) -> list[str]:
    return [str(number) for number in numbers]


def histories_of(issue_id: str, count: int) -> list[dict[str, Any]]:
    return [history(int(issue_id) * 1000 + number) for number in range(count)]


def source_over(wire: Wire) -> CloudBulkSource:
    return CloudBulkSource(site_over(wire), refusals=Refusals())


@pytest.fixture
def jira(recordings: Path) -> BulkJira:
    """A site of 250 issues with one history each."""
    document = platform_document(recordings.parent / "openapi")
    return BulkJira(document, {str(number): histories_of(str(number), 1) for number in range(10001, 10251)})


@pytest.fixture
def source(jira: BulkJira) -> CloudBulkSource:
    return source_over(jira)


def page_at(source: CloudBulkSource, place: Place = Place(), size: int = 100, scope: Scope = SCOPE) -> Page:  # noqa: B008 - frozen
    page = source.issues(scope, place, size)
    assert isinstance(page, Page)
    return page


def bodies_of(page: Page) -> dict[str, Json]:
    return {str(find(whole(item), "id")): whole(item) for item in page.items}


def pages_of(source: CloudBulkSource, size: int = 100, start: Place | None = None) -> list[Page | Finding]:
    return [*follow(lambda place: source.issues(SCOPE, place, size), start, WalkGuard(250))]


def ids_in(pages: list[Page | Finding]) -> list[str]:
    return [issue_id for page in pages if isinstance(page, Page) for issue_id in bodies_of(page)]


def test_a_walk_is_one_search_for_ids_and_one_request_a_page(jira: BulkJira, source: CloudBulkSource) -> None:
    assert ids_in(pages_of(source)) == list(jira.histories)
    assert jira.calls == [SEARCH, BULK, BULK, BULK]
    assert [len(body["issueIdsOrKeys"]) for body in jira.payloads] == [100, 100, 50]
    assert "fields=id&" in str(jira.requests[0].url)
    assert "maxResults=5000" in str(jira.requests[0].url)


def test_ids_in_several_pages(jira: BulkJira, source: CloudBulkSource) -> None:
    jira.id_page = 120
    assert ids_in(pages_of(source)) == list(jira.histories)
    assert jira.calls == [SEARCH, BULK, BULK, SEARCH, BULK, BULK, SEARCH, BULK]


def test_only_the_fields_of_the_policy_are_requested(jira: BulkJira, source: CloudBulkSource) -> None:
    page_at(source, scope=Scope("10003", 5, 9, FieldPolicy(excluded=("summary", "comment"))))
    assert jira.payloads[0]["fields"] == ["*all", "-summary", "-comment"]
    assert jira.payloads[0]["expand"] == ["changelog"]


def test_a_page_weighs_all_its_answers(jira: BulkJira, source: CloudBulkSource) -> None:
    short_page = page_at(source, size=5)
    jira.histories["10001"] = histories_of("10001", 500)
    assert page_at(source, size=5).size > short_page.size + 50_000


@pytest.mark.parametrize("has_inline", [True, False])
def test_long_histories_come_whole_and_leave_no_top_up(
    jira: BulkJira, source: CloudBulkSource, *, has_inline: bool
) -> None:
    jira.has_inline = has_inline
    jira.history_page = 100
    jira.histories |= {issue_id: histories_of(issue_id, 130) for issue_id in ids(10002, 10004)}
    page = page_at(source, size=5)
    parts = parts_of("issue", [whole(item) for item in page.items])
    rows = rows_of("changelog", parts)
    assert {(row.values["issue_id"], row.id) for row in rows.values()} == {
        (issue_id, entry["id"]) for issue_id in bodies_of(page) for entry in jira.histories[issue_id]
    }
    totals = {row.id: row.values["changelog_total"] for row in rows_of("issue", parts).values()}
    assert totals == {issue_id: len(jira.histories[issue_id]) for issue_id in bodies_of(page)}
    assert [part for part in parts if isinstance(part, TopUp)] == []
    named_ids = jira.payloads[1]["issueIdsOrKeys"]
    assert named_ids == (ids(10002, 10004) if has_inline else list(bodies_of(page)))
    assert jira.calls == [SEARCH, BULK, LOGS, LOGS, LOGS]


def test_a_list_that_stays_short_keeps_jiras_total(jira: BulkJira, source: CloudBulkSource) -> None:
    jira.histories["10001"] = histories_of("10001", 60)
    jira.forgotten_histories = {entry["id"] for entry in jira.histories["10001"][5:15]}
    parts = parts_of("issue", [whole(item) for item in page_at(source, size=5).items])
    assert rows_of("issue", parts)["10001"].values["changelog_total"] == 60
    assert [part.parent_id for part in parts if isinstance(part, TopUp)] == ["10001"]


def test_lists_that_do_not_fit_beside_a_page_are_walked(jira: BulkJira, source: CloudBulkSource) -> None:
    jira.histories |= {"10001": histories_of("10001", 41), "10002": [history(number) for number in range(10_500)]}
    parts = parts_of("issue", [whole(item) for item in page_at(source, size=5).items])
    assert jira.payloads[1]["issueIdsOrKeys"] == ["10001"]
    assert [part.parent_id for part in parts if isinstance(part, TopUp)] == ["10002"]


def test_times_of_histories_in_every_form(jira: BulkJira, source: CloudBulkSource) -> None:
    moments = ["2017-04-13T08:00:29.000+0000", 1492070429, 1492070429000]
    jira.has_inline = False
    jira.histories["10001"] = [history(number, moment) for number, moment in enumerate(moments, 1)]
    rows = rows_of("changelog", parts_of("issue", [whole(item) for item in page_at(source, size=1).items]))
    assert {row.values["created"] for row in rows.values()} == {to_moment("2017-04-13T08:00:29Z")}


def test_atlassians_own_examples(recordings: Path, wire: Wire) -> None:
    answers = {pattern.pattern: body for pattern, body in examples(recordings.parent / "openapi")}
    bulk, logs = (answers[name] for name in (r"POST\ issue/bulkfetch", r"POST\ changelog/bulkfetch"))
    wire.answers({"issues": [{"id": "10002"}, {"id": "10005"}], "isLast": True})
    wire.answers(bulk)
    wire.answers(logs)
    wire.answers({"issueChangeLogs": logs["issueChangeLogs"], "nextPageToken": None})
    page = page_at(source_over(wire))
    assert list(bodies_of(page)) == ["10002", "10005"]
    assert wire.requests[3].body is not None
    assert b'"nextPageToken":"UxAQBFRF"' in bytes(wire.requests[3].body)


def test_an_issue_with_numbers_beyond_json(wire: Wire) -> None:
    wire.answers({"issues": [{"id": "1"}], "isLast": True})
    wire.answers(
        b'{"issues": [{"id": "1", "fields": {"customfield_1": NaN}, "changelog": {"total": 2, "histories": []}}]}'
    )
    wire.answers({"issueChangeLogs": [{"issueId": "1", "changeHistories": [history(1), history(2)]}]})
    body = bodies_of(page_at(source_over(wire)))["1"]
    assert [find(entry, "id") for entry in find(body, "changelog.histories") or ()] == ["1", "2"]  # type: ignore[union-attr]  # a list


def test_silent_and_named_absences_are_read_directly(jira: BulkJira, source: CloudBulkSource) -> None:
    jira.hidden_ids, jira.error_ids = {"10002"}, {"10003"}
    page = page_at(source, size=5)
    assert set(bodies_of(page)) == {*ids(10001, 10003, 10004, 10005)}
    assert (page.length, dict(page.unreadable_issues)) == (5, {})
    assert jira.calls == [SEARCH, BULK, "GET issue/10002", "GET issue/10003"]


def test_a_broken_issue_never_costs_its_batch(jira: BulkJira, source: CloudBulkSource) -> None:
    jira.broken_ids = {"10077"}
    pages = pages_of(source)
    assert ids_in(pages) == [issue_id for issue_id in jira.histories if issue_id != "10077"]
    assert isinstance(pages[0], Page)
    assert {issue_id: type(finding) for issue_id, finding in pages[0].unreadable_issues.items()} == {"10077": Broken}
    assert jira.calls.count(BULK) <= 20
    assert source.refused_endpoints == {}


@pytest.mark.parametrize(("status", "kind"), [(403, NotForUs), (401, NotForUs), (404, NotOffered), (405, NotOffered)])
def test_a_refused_bulk_endpoint_is_replaced_by_search(
    jira: BulkJira, source: CloudBulkSource, frozen_clock: FrozenClock, status: int, kind: type
) -> None:
    jira.refusals["issue/bulkfetch"] = status
    assert ids_in(pages_of(source)) == list(jira.histories)
    assert type(source.refused_endpoints["issue/bulkfetch"]) is kind
    assert jira.calls.count(BULK) == 1
    jira.calls.clear()
    assert ids_in(pages_of(source)) == list(jira.histories)
    assert jira.calls == [SEARCH] * 3
    jira.refusals.clear()
    frozen_clock.move(15 * 60)
    assert source.refused_endpoints == {}
    assert ids_in(pages_of(source)) == list(jira.histories)
    assert BULK in jira.calls


def test_an_endpoint_that_answers_for_no_issue_is_at_fault(jira: BulkJira, source: CloudBulkSource) -> None:
    jira.refusals["issue/bulkfetch"] = 500
    assert ids_in(pages_of(source)) == list(jira.histories)
    assert isinstance(source.refused_endpoints["issue/bulkfetch"], NotOffered)
    assert jira.calls.count(BULK) < 12


@pytest.mark.parametrize("status", [403, 404, 405])
def test_refused_histories_are_left_to_top_ups(jira: BulkJira, source: CloudBulkSource, status: int) -> None:
    jira.refusals["changelog/bulkfetch"] = status
    jira.histories["10001"] = histories_of("10001", 60)
    for _ in range(2):
        parts = parts_of("issue", [whole(item) for item in page_at(source, size=5).items])
        assert [part.parent_id for part in parts if isinstance(part, TopUp)] == ["10001"]
    assert jira.calls.count(LOGS) == 1
    assert set(source.refused_endpoints) == {"changelog/bulkfetch"}


def test_failing_histories_are_left_to_top_ups_and_tried_with_the_next_page(
    jira: BulkJira, source: CloudBulkSource
) -> None:
    jira.refusals["changelog/bulkfetch"] = 500
    jira.histories["10001"] = histories_of("10001", 60)
    parts = parts_of("issue", [whole(item) for item in page_at(source, size=5).items])
    assert [part.parent_id for part in parts if isinstance(part, TopUp)] == ["10001"]
    jira.refusals.clear()
    parts = parts_of("issue", [whole(item) for item in page_at(source, size=5).items])
    assert [part for part in parts if isinstance(part, TopUp)] == []


def test_another_process_resumes_behind_the_last_issue(jira: BulkJira, source: CloudBulkSource) -> None:
    place = page_at(source).next
    assert place is not None
    del jira.histories["10050"]
    assert ids_in(pages_of(source_over(jira), start=place)) == [*map(str, range(10101, 10251))]


def test_a_page_starts_over_where_the_last_issue_left_it(jira: BulkJira, source: CloudBulkSource) -> None:
    place = page_at(source).next
    assert place is not None
    del jira.histories["10100"]
    assert ids_in(pages_of(source_over(jira), start=place)) == list(jira.histories)


def test_a_walk_that_began_by_search_ends_by_search(jira: BulkJira, source: CloudBulkSource) -> None:
    assert ids_in(pages_of(source, start=Place(token="100"))) == list(jira.histories)[100:]
    assert BULK not in jira.calls


def test_a_sweep_starts_over_by_search_after_a_refusal(jira: BulkJira, source: CloudBulkSource) -> None:
    place = page_at(source).next
    assert place is not None
    jira.refusals["issue/bulkfetch"] = 403
    with pytest.raises(TokenExpired):
        source.issues(SCOPE, place, 100)


def test_a_probe_asks_both_endpoints_and_names_those_refused(jira: BulkJira, source: CloudBulkSource) -> None:
    assert source.probe_bulk("10001") == {}
    assert jira.calls == [BULK, LOGS]
    jira.refusals["changelog/bulkfetch"] = 403
    assert {name: type(finding) for name, finding in source.probe_bulk("10001").items()} == {
        "changelog/bulkfetch": NotForUs
    }
    assert set(source.refused_endpoints) == {"changelog/bulkfetch"}
    jira.refusals["changelog/bulkfetch"] = 500
    with pytest.raises(JiraDown):
        source.probe_bulk("10001")
