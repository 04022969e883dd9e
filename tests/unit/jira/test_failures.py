"""Mapping of Jira's answers to a worker's reaction."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.conditions import Code
from app.errors import (
    JiraBusy,
    JiraDown,
    JiraFailure,
    JiraGone,
    JiraNonsense,
    JiraRefused,
    JiraRejected,
    TokenExpired,
)
from app.jira.failures import failure_of, retry_at

if TYPE_CHECKING:
    from tests.unit.conftest import FrozenClock

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
JITTER = timedelta(seconds=2)

OFF_ALLOW_LIST = (
    "The IP address has been rejected because it is not on the allowed list. See your admin for more information."
)
SUSPENDED = '{"errorMessage": "Site temporarily unavailable", "errorCode": "OTHER"}'


@pytest.mark.parametrize(
    ("status", "text", "code"),
    [
        (403, OFF_ALLOW_LIST, Code.ADDRESS_REJECTED),
        (403, "You do not have permission.", Code.ANSWERED),
        (404, SUSPENDED, Code.SITE_SUSPENDED),
        (404, "Issue does not exist.", Code.ANSWERED),
    ],
)
def test_refusals_of_a_whole_site_have_codes_of_their_own(status: int, text: str, code: Code) -> None:
    failure = failure_of(status, {}, text)
    assert failure is not None
    assert failure.condition.code is code


def test_a_suspended_site_has_lost_nothing() -> None:
    assert type(failure_of(404, {}, SUSPENDED)) is JiraDown


@pytest.mark.parametrize(
    ("status", "text", "failure"),
    [
        (200, "", None),
        (201, "", None),
        (204, "", None),
        (301, "", JiraNonsense),
        (302, "", JiraNonsense),
        (303, "", JiraNonsense),
        (307, "", JiraNonsense),
        (304, "", JiraNonsense),
        (400, '{"errorMessages":["Field \'x\' does not exist"]}', JiraRejected),
        (400, '{"errorMessages":["The nextPageToken is invalid or has expired"]}', TokenExpired),
        (400, '{"errorMessages":["Invalid page token"]}', TokenExpired),
        (401, "", JiraRefused),
        (403, "", JiraRefused),
        (403, "nextPageToken", JiraRefused),
        (404, "", JiraGone),
        (410, "", JiraGone),
        (405, "", JiraRejected),
        (413, "", JiraRejected),
        (422, "", JiraRejected),
        (429, "", JiraBusy),
        (500, "", JiraDown),
        (500, "nextPageToken", JiraDown),
        (502, "<html>", JiraDown),
        (503, "", JiraDown),
        (504, "", JiraDown),
        (520, "", JiraDown),
    ],
)
def test_each_status_has_one_meaning(status: int, text: str, failure: type[JiraFailure] | None) -> None:
    failure_type = failure_of(status, {}, text)
    assert type(failure_type) is (failure or type(None))


def test_a_503_with_a_time_to_come_back_is_busy(frozen_clock: FrozenClock) -> None:
    outcome = failure_of(503, {"Retry-After": "60"}, "")
    assert isinstance(outcome, JiraBusy)
    assert frozen_clock.at + timedelta(seconds=60) <= outcome.retry_at <= frozen_clock.at + timedelta(seconds=62)


FORMS = {
    "hourly points, app": (
        {
            "Retry-After": "1800",
            "RateLimit-Reason": "jira-quota-global-based",
            "X-RateLimit-Reset": "2026-11-24T12:30Z",
        },
        timedelta(minutes=30),
    ),
    "hourly points, tenant; reset later than Retry-After": (
        {"Retry-After": "60", "RateLimit-Reason": "jira-quota-tenant-based", "X-RateLimit-Reset": "2026-11-24T13:00Z"},
        timedelta(hours=1),
    ),
    "hourly points; Retry-After later than reset": (
        {
            "Retry-After": "3600",
            "RateLimit-Reason": "jira-quota-tenant-based",
            "X-RateLimit-Reset": "2026-11-24T12:10Z",
        },
        timedelta(hours=1),
    ),
    "reset alone, with seconds and fraction": (
        {"X-RateLimit-Reset": "2026-11-24T12:05:30.500Z"},
        timedelta(minutes=5, seconds=30.5),
    ),
    "reset alone, with an offset": ({"X-RateLimit-Reset": "2026-11-24T13:05:00+01:00"}, timedelta(minutes=5)),
    "reset alone, without a zone": ({"X-RateLimit-Reset": "2026-11-24T12:05"}, timedelta(minutes=5)),
    "reset in the past": ({"X-RateLimit-Reset": "2026-11-24T11:00Z"}, timedelta(0)),
    "burst": ({"Retry-After": "5", "RateLimit-Reason": "jira-burst-based"}, timedelta(seconds=5)),
    "writes of one issue": (
        {"Retry-After": "2", "RateLimit-Reason": "jira-per-issue-on-write"},
        timedelta(seconds=2),
    ),
    "undocumented reason": ({"Retry-After": "7", "RateLimit-Reason": "jira-cost-based"}, timedelta(seconds=7)),
    "gateway, without Retry-After": (
        {"X-Failure-Category": "FAILURE_CLIENT_RATE_LIMIT", "X-RateLimit-Limit": "360000"},
        timedelta(seconds=30),
    ),
    "nothing at all": ({}, timedelta(seconds=30)),
    "zero": ({"Retry-After": "0"}, timedelta(0)),
    "a fraction": ({"Retry-After": "1.5"}, timedelta(seconds=1.5)),
    "negative": ({"Retry-After": "-5"}, timedelta(0)),
    "a date, as HTTP allows": ({"Retry-After": "Tue, 24 Nov 2026 12:01:00 GMT"}, timedelta(seconds=60)),
    "a date in the past": ({"Retry-After": "Tue, 24 Nov 2026 11:00:00 GMT"}, timedelta(0)),
    "no time, but a quota: the full hour": (
        {"RateLimit-Reason": "jira-quota-global-based"},
        timedelta(hours=1),
    ),
    "small letters, as a proxy sends them": ({"retry-after": "5"}, timedelta(seconds=5)),
    "no number": ({"Retry-After": "soon"}, timedelta(seconds=30)),
    "no moment": ({"X-RateLimit-Reset": "soon"}, timedelta(seconds=30)),
    "a day": ({"Retry-After": "86400"}, timedelta(hours=2)),
    "a year off": ({"X-RateLimit-Reset": "2027-11-24T12:00Z"}, timedelta(hours=2)),
    "a number too large for a date": ({"Retry-After": "99999999999999999999"}, timedelta(hours=2)),
    "infinity": ({"Retry-After": "inf"}, timedelta(hours=2)),
}


@pytest.mark.parametrize(("headers", "wait"), FORMS.values(), ids=FORMS)
def test_every_form_of_a_rate_limit_says_when_to_come_back(
    frozen_clock: FrozenClock, headers: dict[str, str], wait: timedelta
) -> None:
    assert frozen_clock.at == NOON
    outcome = failure_of(429, headers, "")
    assert isinstance(outcome, JiraBusy)
    assert NOON + wait <= outcome.retry_at <= NOON + wait + JITTER


def test_the_reason_is_told_to_the_operator() -> None:
    assert "jira-burst-based" in str(failure_of(429, {"RateLimit-Reason": "jira-burst-based"}, ""))


@given(st.text(max_size=30), st.text(max_size=30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the clock stands still in all examples
def test_no_header_makes_us_wait_for_ever_or_fail(frozen_clock: FrozenClock, after: str, reset: str) -> None:
    at = retry_at({"Retry-After": after, "X-RateLimit-Reset": reset})
    assert frozen_clock.at <= at <= frozen_clock.at + timedelta(hours=2) + JITTER


def test_workers_do_not_come_back_all_at_once(frozen_clock: FrozenClock) -> None:
    assert len({retry_at({"Retry-After": "5"}) for _ in range(20)}) > 10


@given(st.integers(100, 599), st.text(max_size=200))
def test_only_2xx_is_a_success(status: int, text: str) -> None:
    outcome = failure_of(status, {}, text)
    assert (outcome is None) == (200 <= status < 300)
    assert outcome is None or outcome.stop
