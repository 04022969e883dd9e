"""Maps Jira's answers to failures, by the worker's reaction (the tree is in `errors`)."""

from __future__ import annotations

import random
import re
from datetime import timedelta
from typing import TYPE_CHECKING

import requests
from urllib3 import exceptions as urllib3_errors

from app import clock
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
from app.jira import headers as limit_headers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_QUOTED_ID = re.compile(r"'([1-9][0-9]{0,17})'")
_SCOPE_WORDS = "scope does not match"
"""Atlassian's gateway to a token that it knows and that lacks a scope."""
_LOGIN, _NOT_LOGGED_IN = "X-Seraph-LoginReason", frozenset({"AUTHENTICATED_FAILED", "AUTHENTICATION_DENIED"})
"""Jira takes a caller with a bad token for a stranger and answers what everybody may see, often nothing, with 200
(Atlassian, "Basic auth for REST APIs"; MrRefactoring/jira.js, issue 418)."""
_ALLOW_LIST_WORDS = "not on the allowed list"
"""Atlassian's refusal by an IP allowlist (Atlassian, "Scope of IP Allowlists in Atlassian Cloud")."""
_SUSPENDED_WORDS = "site temporarily unavailable"
"""Atlassian's 404 for a suspended or deactivated site (trufflesecurity/trufflehog, issue 3674)."""
_TOKEN_WORDS = ("nextpagetoken", "page token")


def failure_of(status: int, headers: Mapping[str, str], text: str, endpoint: str = "") -> JiraFailure | None:
    """The failure in an answer; None for a success.

    `text` is the beginning of the body, to tell 400s apart; the failure names the `endpoint`.
    """
    if status < requests.codes.server_error and headers.get(_LOGIN) in _NOT_LOGGED_IN:
        return JiraRefused(Code.CREDENTIAL_IGNORED, is_credential=True, status=status, endpoint=endpoint)
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's own classes
        return None
    if limit_headers.is_pause(status, headers):
        reason = headers.get("RateLimit-Reason", "no reason given")
        return JiraBusy(Code.ASKED_TO_WAIT, retry_at=retry_at(headers), status=status, reason=reason, endpoint=endpoint)
    if status >= requests.codes.server_error:
        return JiraDown(Code.ANSWERED, status=status, endpoint=endpoint)
    return _caller_failure(status, text, endpoint)


def _caller_failure(status: int, text: str, endpoint: str) -> JiraFailure:
    if status in {requests.codes.unauthorized, requests.codes.forbidden}:
        return _refusal(status, text, endpoint)
    if status in {requests.codes.not_found, requests.codes.gone}:
        return _absence(status, text, endpoint)
    if status == requests.codes.bad_request and any(word in text.lower() for word in _TOKEN_WORDS):
        return TokenExpired(Code.TOKEN_EXPIRED)
    if status in {requests.codes.request_timeout, requests.codes.too_early}:
        return JiraDown(Code.ANSWERED, status=status, endpoint=endpoint)
    if status < requests.codes.bad_request:
        return JiraNonsense(Code.REDIRECTED, status=status, endpoint=endpoint)
    return JiraRejected(Code.ANSWERED, quoted_ids=frozenset(_QUOTED_ID.findall(text)), status=status, endpoint=endpoint)


def _absence(status: int, text: str, endpoint: str) -> JiraFailure:
    """The object isn't there, or the whole site for now: then nothing is gone."""
    if _SUSPENDED_WORDS in text.lower():
        return JiraDown(Code.SITE_SUSPENDED, endpoint=endpoint)
    return JiraGone(Code.ANSWERED, status=status, endpoint=endpoint)


def _refusal(status: int, text: str, endpoint: str) -> JiraFailure:
    is_unauthorized = status == requests.codes.unauthorized
    if is_unauthorized and _SCOPE_WORDS in text.lower():
        return JiraRefused(Code.SCOPE_MISSING, is_credential=True, endpoint=endpoint)
    if not is_unauthorized and _ALLOW_LIST_WORDS in text.lower():
        # Of the whole site: no part of it is to blame.
        return JiraDown(Code.ADDRESS_REJECTED, endpoint=endpoint)
    return JiraRefused(Code.ANSWERED, is_credential=is_unauthorized, status=status, endpoint=endpoint)


def silence_of(error: Exception) -> JiraDown:
    """The failure of a request without an answer."""
    name = type(error).__name__
    if isinstance(error, requests.exceptions.SSLError):
        return JiraDown(Code.TLS_FAILED, error=name)
    if isinstance(error, requests.Timeout | urllib3_errors.TimeoutError):
        return JiraDown(Code.TIMED_OUT, error=name)
    cause = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(cause, urllib3_errors.NameResolutionError):
        return JiraDown(Code.NAME_UNKNOWN, error=type(cause).__name__)
    return JiraDown(Code.NO_ANSWER, error=name)


def retry_at(headers: Mapping[str, str]) -> datetime:
    """The time to come back: the headers' wait (`headers.wait_of`) plus a little jitter."""
    now = clock.now()
    jitter = random.uniform(0, 2)  # noqa: S311 - spreads retries, protects nothing
    return now + timedelta(seconds=limit_headers.wait_of(headers, now) + jitter)
