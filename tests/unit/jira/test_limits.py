"""Lessons from rate-limit headers, and the bucket and cost of a request."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.jira.endpoints import endpoint_of
from app.jira.headers import Effect, Lesson, Scope, is_pause, lesson_of

NOW = datetime(2026, 11, 24, 12, 15, tzinfo=UTC)
POLICY = '"global-app-quota";q=65000;w=3600,"jira-burst-based";q=100;w=1'

ANSWERS: dict[str, tuple[int, dict[str, str], dict[str, Any]]] = {
    "nothing said": (200, {}, {"effect": Effect.CLEAN}),
    "not there, but answered": (404, {}, {"effect": Effect.CLEAN}),
    "broken": (500, {}, {"effect": Effect.NONE}),
    "broken, near its limit": (502, {"X-RateLimit-NearLimit": "true"}, {"effect": Effect.NONE}),
    "down, without a time": (503, {}, {"effect": Effect.NONE}),
    "down, with a time": (503, {"Retry-After": "90"}, {"effect": Effect.NONE, "scope": Scope.SITE, "wait": 90}),
    "far from the limit": (
        200,
        {"X-RateLimit-Limit": "350", "X-RateLimit-Remaining": "340", "X-RateLimit-NearLimit": "false"},
        {"effect": Effect.CLEAN},
    ),
    "near the limit, said": (200, {"X-RateLimit-NearLimit": "true"}, {"effect": Effect.SLOWER}),
    "near the limit, in small letters": (200, {"x-ratelimit-nearlimit": "True"}, {"effect": Effect.SLOWER}),
    "near the limit, counted": (
        200,
        {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "19"},
        {"effect": Effect.SLOWER},
    ),
    "at 20 % exactly": (200, {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "20"}, {"effect": Effect.CLEAN}),
    "the hour is nearly used up": (
        200,
        {"X-RateLimit-Limit": "65000", "X-RateLimit-Remaining": "900", "X-RateLimit-NearLimit": "true"},
        {"effect": Effect.CLEAN},
    ),
    "policies alone": (200, {"RateLimit-Policy": POLICY}, {"effect": Effect.CLEAN, "app_quota": 65000}),
    "policies of the beta phase": (
        200,
        {"Beta-RateLimit-Policy": POLICY},
        {"effect": Effect.CLEAN, "app_quota": 65000},
    ),
    "what is enforced comes before what is announced": (
        200,
        {"RateLimit-Policy": '"global-app-quota";q=70000;w=3600', "Beta-RateLimit-Policy": POLICY},
        {"effect": Effect.CLEAN, "app_quota": 70000},
    ),
    "what is left of the hour": (
        200,
        {
            "RateLimit-Policy": POLICY,
            "RateLimit": '"global-app-quota";r=9000;t=1800',
            "X-RateLimit-NearLimit": "true",
        },
        {"effect": Effect.CLEAN, "app_quota": 65000, "app_balance": 9000},
    ),
    "what is left of the second": (
        200,
        {"RateLimit-Policy": POLICY, "RateLimit": '"jira-burst-based";r=12;t=1'},
        {"effect": Effect.SLOWER, "app_quota": 65000},
    ),
    "enough is left of the second": (
        200,
        {"RateLimit-Policy": POLICY, "RateLimit": '"jira-burst-based";r=60;t=1'},
        {"effect": Effect.CLEAN, "app_quota": 65000},
    ),
    "what is left of a second of unknown size": (
        200,
        {"RateLimit": '"jira-burst-based";r=12;t=1'},
        {"effect": Effect.SLOWER},
    ),
    "several, in another order and spacing": (
        200,
        {
            "RateLimit-Policy": '"jira-burst-based" ; w=1; q=100 , "tenant-app-quota";w=3600;q=150000',
            "Beta-RateLimit": '"tenant-app-quota";t=60;r=5, "jira-burst-based";t=1;r=99',
        },
        {"effect": Effect.CLEAN, "site_quota": 150000, "site_balance": 5},
    ),
    "without quotation marks": (
        200,
        {"RateLimit-Policy": "global-app-quota;q=65000;w=3600"},
        {"effect": Effect.CLEAN, "app_quota": 65000},
    ),
    "a quota of another window": (200, {"RateLimit-Policy": '"global-app-quota";q=9;w=60'}, {"effect": Effect.CLEAN}),
    "a quota beyond all tiers": (
        200,
        {"RateLimit-Policy": '"global-app-quota";q=99999999;w=3600'},
        {"effect": Effect.CLEAN, "app_quota": 500000},
    ),
    "garbage": (
        200,
        {"RateLimit-Policy": ';;,"', "RateLimit": "r=;t=x,,", "X-RateLimit-Limit": "-1", "X-RateLimit-Remaining": "٣"},
        {"effect": Effect.CLEAN},
    ),
    "429: points of the app": (
        429,
        {
            "RateLimit-Reason": "jira-quota-global-based",
            "Retry-After": "1800",
            "X-RateLimit-Reset": "2026-11-24T13:00Z",
        },
        {"effect": Effect.NONE, "scope": Scope.APP, "wait": 2700},
    ),
    "429: points of the tenant": (
        429,
        {"RateLimit-Reason": "jira-quota-tenant-based", "Retry-After": "3600"},
        {"effect": Effect.NONE, "scope": Scope.SITE, "wait": 3600},
    ),
    "429: points, no time": (
        429,
        {"RateLimit-Reason": "jira-quota-global-based"},
        {"effect": Effect.NONE, "scope": Scope.APP, "wait": 2700},
    ),
    "429: points, the time in the structured header": (
        429,
        {"RateLimit-Reason": "jira-quota-global-based", "RateLimit": '"global-app-quota";r=0;t=2800'},
        {"effect": Effect.NONE, "scope": Scope.APP, "wait": 2800, "app_balance": 0},
    ),
    "429: burst": (
        429,
        {"RateLimit-Reason": "jira-burst-based", "Retry-After": "3"},
        {"effect": Effect.SLOWER, "scope": Scope.ENDPOINT, "wait": 3},
    ),
    "429: writes of one issue": (
        429,
        {"RateLimit-Reason": "jira-per-issue-on-write", "Retry-After": "2"},
        {"effect": Effect.SLOWER, "scope": Scope.ENDPOINT, "wait": 2},
    ),
    "429: cost": (
        429,
        {"RateLimit-Reason": "jira-cost-based", "Retry-After": "7", "X-RateLimit-Limit": "360000"},
        {"effect": Effect.ALL_SLOWER, "scope": Scope.SITE, "wait": 7},
    ),
    "429: a reason nobody knows": (
        429,
        {
            "RateLimit-Reason": "jira-max-concurrent-threads-across-all-instances-per-tenant-per-user",
            "Retry-After": "1",
        },
        {"effect": Effect.ALL_SLOWER, "scope": Scope.SITE, "wait": 1},
    ),
    "429: the gateway": (
        429,
        {"X-Failure-Category": "FAILURE_CLIENT_RATE_LIMIT", "X-RateLimit-Limit": "360000"},
        {"effect": Effect.ALL_SLOWER, "scope": Scope.SITE, "wait": 30},
    ),
    "429: until a date": (
        429,
        {"RateLimit-Reason": "jira-burst-based", "Retry-After": "Tue, 24 Nov 2026 12:16:00 GMT"},
        {"effect": Effect.SLOWER, "scope": Scope.ENDPOINT, "wait": 60},
    ),
}


@pytest.mark.parametrize(("status", "headers", "values"), ANSWERS.values(), ids=ANSWERS)
def test_every_form_of_the_headers_teaches_what_it_says(
    status: int, headers: dict[str, str], values: dict[str, Any]
) -> None:
    lesson = lesson_of(status, headers, NOW)
    reason = headers.get("RateLimit-Reason", f"{status}")
    assert lesson == Lesson(**{"reason": reason, **values})
    assert is_pause(status, headers) == (lesson.scope is not None)


NAMES = [
    "RateLimit",
    "RateLimit-Policy",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "Retry-After",
    "RateLimit-Reason",
]


@given(st.integers(100, 599), st.dictionaries(st.sampled_from(NAMES), st.text(max_size=60)))
def test_no_header_makes_it_fail_or_wait_for_ever(status: int, headers: dict[str, str]) -> None:
    assert 0 <= lesson_of(status, headers, NOW).wait <= 7200


@pytest.mark.parametrize(
    ("method", "path", "endpoint", "ceiling"),
    [
        ("GET", "/rest/api/3/search/jql", "GET /rest/api/3/search/jql", 60),
        ("POST", "/rest/api/3/search/jql", "POST /rest/api/3/search/jql", 60),
        ("POST", "/rest/api/3/search/approximate-count", "POST /rest/api/3/search/approximate-count", 90),
        ("GET", "/rest/api/3/issue/10001", "GET /rest/api/3/issue/{}", 90),
        ("GET", "/rest/api/3/issue/EE-1", "GET /rest/api/3/issue/{}", 90),
        ("GET", "/rest/api/2/issue/{issue_id}", "GET /rest/api/2/issue/{}", 90),
        ("GET", "/rest/api/3/issue/10001/changelog", "GET /rest/api/3/issue/{}/changelog", 120),
        ("GET", "/rest/api/3/issue/10001/comment?startAt=0", "GET /rest/api/3/issue/{}/comment", 60),
        ("GET", "/rest/api/3/user", "GET /rest/api/3/user", 90),
        ("GET", "/rest/api/3/user/email", "GET /rest/api/3/user/email", 120),
        ("GET", "/rest/api/3/component/10000", "GET /rest/api/3/component/{}", 120),
        ("GET", "/rest/api/3/project/EE/role", "GET /rest/api/3/project/{}/role", 120),
        ("GET", "/rest/api/3/project/10000/version", "GET /rest/api/3/project/{}/version", 60),
        ("GET", "/rest/agile/1.0/board/{board_id}/sprint", "GET /rest/agile/1.0/board/{}/sprint", 60),
        ("GET", "/rest/api/3/serverInfo", "GET /rest/api/3/serverInfo", 60),
        ("PUT", "/rest/api/3/app/properties/x", "PUT /rest/api/3/app/properties/x", 30),
        ("DELETE", "/rest/api/3/webhook", "DELETE /rest/api/3/webhook", 30),
        ("GET", "/elsewhere/10", "GET /elsewhere/{}", 60),
    ],
)
def test_one_bucket_a_method_and_template(method: str, path: str, endpoint: str, ceiling: float) -> None:
    endpoint_of_path = endpoint_of(method, path)
    assert str(endpoint_of_path) == endpoint
    assert endpoint_of_path.ceiling == pytest.approx(ceiling)


@pytest.mark.parametrize(
    ("path", "body", "points"),
    [
        ("/rest/api/3/issue/10001", {"id": "10001"}, 2),
        ("/rest/api/3/search/jql", {"issues": [{"id": "1"}] * 100}, 101),
        ("/rest/api/3/search/jql", {"issues": []}, 1),
        ("/rest/api/3/search/jql", {"issues": "odd"}, 1),
        ("/rest/api/3/search/jql", None, 1),
        ("/rest/agile/1.0/board/1/issue", {"issues": [{}] * 7}, 8),
        ("/rest/api/3/issue/bulkfetch", {"issues": [{}] * 100}, 101),
        ("/rest/api/3/project/search", {"values": [{}] * 3}, 4),
        ("/rest/api/3/group/member", {"values": [{}] * 8}, 17),
        ("/rest/api/3/users/search", [{}] * 5, 11),
        ("/rest/api/3/user/bulk", {"values": [{}] * 10}, 21),
        ("/rest/api/3/permissions/check", {"globalPermissions": ["ADMINISTER"], "projectPermissions": []}, 3),
        ("/rest/api/3/myself", {"accountId": "a"}, 3),
        ("/rest/api/3/project/1/version", {"values": [{}] * 500}, 1),
        ("/rest/api/3/user/search", [{}] * 50, 1),
        ("/rest/api/3/issue/10001/changelog", {"values": [{}] * 100}, 1),
        ("/rest/api/3/search/approximate-count", {"count": 5000}, 1),
        ("/rest/api/3/field", [{}] * 200, 1),
    ],
)
def test_an_answer_costs_its_call_and_its_objects(path: str, body: Any, points: int) -> None:
    assert endpoint_of("GET", path).points_of(body) == points


@pytest.mark.parametrize(
    ("path", "page_size", "points"),
    [
        ("/rest/api/3/search/jql", 100, 101),
        ("/rest/api/3/search/jql", 1, 2),
        ("/rest/api/3/issue/10001", 50, 2),
        ("/rest/api/3/issue/10001/changelog", 100, 1),
        ("/rest/api/3/users/search", 1000, 2001),
    ],
)
def test_what_is_booked_beforehand_is_the_most_that_it_may_cost(path: str, page_size: int, points: int) -> None:
    assert endpoint_of("GET", path).expected_points(page_size) == points
