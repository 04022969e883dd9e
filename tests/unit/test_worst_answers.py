"""One odd answer of a site costs one odd thing: headers, feeds and lists of deliveries with the worst values."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from unittest.mock import Mock

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from app.catalog.conversion import clean
from app.errors import JiraNonsense
from app.ingest.live import failed_webhooks
from app.ingest.planning.delivery_ids import happened_at, hints_of
from app.ingest.planning.events import LIST_AT, ONE_AT
from app.jira.client import Answer
from app.jira.failures import failure_of
from app.jira.headers import lesson_of, moment_of
from app.sources.answers import FailedPage, FeedPage
from app.sources.cloud import feeds

if TYPE_CHECKING:
    from app.catalog.json_value import Json

NOW = datetime(2025, 3, 9, tzinfo=UTC)


def _nested(levels: int) -> Json:
    value: Json = "bottom"
    for _ in range(levels):
        value = [value]
    return value


VALUES = st.sampled_from(
    [
        "\ud800",
        "\x00",
        "x" * 10_000,
        10**399,
        -1,
        0,
        2**64,
        float("nan"),
        float("inf"),
        True,
        None,
        _nested(1000),
        [],
        {},
    ]
)
NUMBERS = st.sampled_from(
    [
        "9" * 400,
        "9" * 5000,
        "-1",
        "nan",
        "inf",
        "1e999",
        "\u0663",
        "",
        "0",
        "true",
        "\x00",
        "2025-01-01",
        "0001-01-01T00:00:00+14:00",
    ]
)
DATES = st.sampled_from(
    [
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Mon, 01 Jan 2020 00:00:00 +99999999999999999999",
        "Mon, 01 Jan 2020 00:00:00 -0000",
        "Mon, 01 Jan 2020 99:00:00 GMT",
        "Mon, 01 Jan 0001 00:00:00 +1400",
    ]
)
HEADER_NAMES = (
    "Date",
    "Retry-After",
    "X-RateLimit-Reset",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "RateLimit-Reason",
    "RateLimit",
    "RateLimit-Policy",
)
patient = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@patient
@given(
    status=st.sampled_from([200, 302, 400, 403, 429, 500, 503, 999]),
    fields=st.dictionaries(st.sampled_from(HEADER_NAMES), NUMBERS | DATES | st.text(st.characters(max_codepoint=255))),
)
def test_headers_of_any_value_are_read(status: int, fields: dict[str, str]) -> None:
    headers = CaseInsensitiveDict(fields)
    lesson = lesson_of(status, headers, NOW)
    orjson.dumps([lesson.wait, lesson.app_quota, lesson.app_balance, lesson.site_quota, lesson.site_balance])
    failure = failure_of(status, headers, "", "GET issue/{}")
    if failure is not None:
        failure.condition.to_json()
    moment = moment_of(headers)
    assert moment is None or moment.tzinfo is not None


PATHS = sorted(
    {
        *("timestamp", "issue.id", "issue.key", "comment.self", "changelog", "changelog.items", "worklog.issueId"),
        *(path for paths in (*ONE_AT.values(), *LIST_AT.values()) for path in paths),
    }
)


@patient
@given(
    path=st.sampled_from(PATHS), value=VALUES, event=st.sampled_from(["jira:issue_updated", "\ud800", "sprint_closed"])
)
def test_hints_of_any_body_are_storable(path: str, value: Json, event: str) -> None:
    body = value
    for step in reversed(path.split(".")):
        body = {step: body}
    orjson.dumps(hints_of(event, body))
    happened_at(body)


@pytest.mark.parametrize("levels", [200, 1000])
def test_a_change_of_a_field_without_a_name_is_ignored(levels: int) -> None:
    items: Json = [{"field": _nested(levels)}, {"field": "project", "to": "7"}, "text"]
    assert hints_of("jira:issue_updated", {"issue": {"id": "1"}, "changelog": {"items": items}})["moved_to"] == "7"


def _answering(body: Json) -> Mock:
    return Mock(get=Mock(return_value=Answer(body, NOW)))


@patient
@given(worklog_id=VALUES, moment=VALUES)
def test_a_feed_with_odd_entries_gives_the_good_ones(worklog_id: Json, moment: Json) -> None:
    values: Json = [{"worklogId": 5, "updatedTime": 7}, {"worklogId": worklog_id, "updatedTime": moment}, moment]
    pages = list(feeds.worklog_changes(_answering({"values": values, "lastPage": True}), "updated", 1))
    assert isinstance(pages[0], FeedPage)
    assert pages[0].worklogs["5"] == 7
    assert all(worklog_id.isdecimal() and edit_time < 2**63 for worklog_id, edit_time in pages[0].worklogs.items())


@patient
@given(until=VALUES)
def test_a_feed_of_no_moment_is_no_answer(until: Json) -> None:
    site = _answering({"values": [], "lastPage": False, "until": until})
    with pytest.raises(JiraNonsense):
        list(feeds.worklog_changes(site, "updated", 1))


@patient
@given(value=VALUES)
def test_a_list_of_failed_webhooks_keeps_its_place(value: Json) -> None:
    site = _answering({"values": [{"id": "1", "failureTime": 7}, {"id": "2", "failureTime": value}, value]})
    pages = [page for page in feeds.failed_webhooks(site, 1) if isinstance(page, FailedPage)]
    assert [page.reached for page in pages] == [7]


@patient
@given(
    name=st.sampled_from(["id", "url", "body"]), value=VALUES | st.sampled_from(["http://[odd", "/\ud800", '{"\ud800"'])
)
def test_a_failed_webhook_of_any_form_is_a_delivery_or_none(name: str, value: Json) -> None:
    arrival = failed_webhooks._arrival(
        {"id": "1", "url": "/connect/webhooks/jira.issue_updated", "body": "{}", name: value}
    )
    if arrival is not None:
        clean(arrival.id)
        orjson.dumps(hints_of(clean(arrival.event), arrival.body))
