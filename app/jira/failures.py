"""Jira's answers, mapped once to what a worker does about them (the tree is in `errors`)."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import requests

from app import clock
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

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNSAID = 30
"""Seconds to wait where a 429 names none, as the gateway's form does."""
_LONGEST = 2 * 3600
_TOKEN_WORDS = ("nextpagetoken", "page token")


def failure_of(status: int, headers: Mapping[str, str], text: str) -> JiraFailure | None:
    """The failure in an answer, or None where it is a success. `text` is the body's beginning, for telling 400s apart."""
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's own classes
        return None
    if status == requests.codes.too_many_requests or (
        status == requests.codes.unavailable and "Retry-After" in headers
    ):
        reason = headers.get("RateLimit-Reason", "no reason given")
        return JiraBusy(f"Jira answered {status} ({reason}).", retry_at(headers))
    if status >= requests.codes.server_error:
        return JiraDown(f"Jira answered {status}.")
    return _caller_failure(status, text)


def _caller_failure(status: int, text: str) -> JiraFailure:
    if status in {requests.codes.unauthorized, requests.codes.forbidden}:
        return JiraRefused(f"Jira answered {status}.")
    if status in {requests.codes.not_found, requests.codes.gone}:
        return JiraGone(f"Jira answered {status}.")
    if status == requests.codes.bad_request and any(word in text.lower() for word in _TOKEN_WORDS):
        return TokenExpired("Jira no longer takes the page token.")
    if status in {requests.codes.request_timeout, requests.codes.too_early}:
        return JiraDown(f"Jira answered {status}.")
    if status < requests.codes.bad_request:
        return JiraNonsense(f"Jira answered {status}; redirects are not followed.")
    return JiraRejected(f"Jira answered {status}.")


def retry_at(headers: Mapping[str, str]) -> datetime:
    """When to come back: never before `Retry-After`; a quota's own reset time where it lies later; a little jitter on top."""
    now = clock.now()
    wait = _seconds(headers.get("Retry-After"))
    reset = _moment(headers.get("X-RateLimit-Reset"))
    earliest = now + timedelta(seconds=_UNSAID if wait is None and reset is None else wait or 0)
    if reset is not None:
        earliest = max(earliest, reset)
    jitter = timedelta(seconds=random.uniform(0, 2))  # noqa: S311 - spreads retries, protects nothing
    return min(earliest, now + timedelta(seconds=_LONGEST)) + jitter


def _seconds(value: str | None) -> float | None:
    try:
        return min(max(0.0, float(value)), _LONGEST) if value else None
    except ValueError:
        return None


def _moment(value: str | None) -> datetime | None:
    """ISO time with or without seconds, as Atlassian's examples show both."""
    try:
        found = datetime.fromisoformat(value) if value else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found
