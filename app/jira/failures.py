"""Maps Jira's answers to failures, by the worker's reaction (the tree is in `errors`)."""

from __future__ import annotations

import random
import re
from datetime import timedelta
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
from app.jira import headers as limit_headers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_QUOTED_ID = re.compile(r"'([1-9][0-9]{0,17})'")
_TOKEN_WORDS = ("nextpagetoken", "page token")


def failure_of(status: int, headers: Mapping[str, str], text: str) -> JiraFailure | None:
    """The failure in an answer; None for a success. `text` is the beginning of the body, to tell 400s apart."""
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's own classes
        return None
    if limit_headers.is_pause(status, headers):
        reason = headers.get("RateLimit-Reason", "no reason given")
        return JiraBusy(f"Jira answered {status} ({reason}).", retry_at(headers))
    if status >= requests.codes.server_error:
        return JiraDown(f"Jira answered {status}.")
    return _caller_failure(status, text)


def _caller_failure(status: int, text: str) -> JiraFailure:
    if status in {requests.codes.unauthorized, requests.codes.forbidden}:
        return JiraRefused(f"Jira answered {status}.", is_credential=status == requests.codes.unauthorized)
    if status in {requests.codes.not_found, requests.codes.gone}:
        return JiraGone(f"Jira answered {status}.")
    if status == requests.codes.bad_request and any(word in text.lower() for word in _TOKEN_WORDS):
        return TokenExpired("Jira no longer takes the page token.")
    if status in {requests.codes.request_timeout, requests.codes.too_early}:
        return JiraDown(f"Jira answered {status}.")
    if status < requests.codes.bad_request:
        return JiraNonsense(f"Jira answered {status}; redirects are not followed.")
    return JiraRejected(f"Jira answered {status}.", frozenset(_QUOTED_ID.findall(text)))


def retry_at(headers: Mapping[str, str]) -> datetime:
    """The time to come back: the headers' wait (`headers.wait_of`) plus a little jitter."""
    now = clock.now()
    jitter = random.uniform(0, 2)  # noqa: S311 - spreads retries, protects nothing
    return now + timedelta(seconds=limit_headers.wait_of(headers, now) + jitter)
