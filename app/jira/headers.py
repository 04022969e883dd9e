"""Rate-limit headers, in every form in use by Jira so far (Atlassian, "Rate limiting").

`lesson_of` is for the limiter; `wait_of` is the wait of a refused caller. The limiter and `failures` share this module
and therefore never disagree about the time to come back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_WAIT = 30.0
"""Seconds to wait after a 429 without a time, such as the gateway's."""
MAX_WAIT = 2 * 3600.0
"""Seconds. Quotas are hourly, so a longer wait is a mistake and would park a site for ever."""
_HOUR = 3600
_TOO_MANY_REQUESTS, _UNAVAILABLE, _SERVER_ERROR = 429, 503, 500
_NEAR = 0.2
"""Jira's own threshold: `X-RateLimit-NearLimit` is true below 20 %."""
_MAX_BURST = 10_000
"""An `X-RateLimit-Limit` beyond it counts an hour (65,000 points, 360,000 units), not a second (350 at most)."""
_MAX_QUOTA = 500_000
"""Points an hour, above every tier of Atlassian's."""
_APP_QUOTA, _SITE_QUOTA, _BURST = "global-app-quota", "tenant-app-quota", "jira-burst-based"


class Scope(StrEnum):
    """The extent of a pause."""

    ENDPOINT = "endpoint"
    SITE = "site"
    APP = "app"


class Effect(StrEnum):
    """The effect of an answer on the pace."""

    CLEAN = "clean"
    """Counts towards one more request a second."""
    NONE = "none"
    SLOWER = "slower"
    """Halves the pace of this endpoint."""
    ALL_SLOWER = "all-slower"
    """Halves the pace of every endpoint of the site."""


_REASONS = {
    "jira-quota-global-based": (Effect.NONE, Scope.APP),
    "jira-quota-tenant-based": (Effect.NONE, Scope.SITE),
    "jira-burst-based": (Effect.SLOWER, Scope.ENDPOINT),
    "jira-per-issue-on-write": (Effect.SLOWER, Scope.ENDPOINT),
}
_UNKNOWN_REASON = (Effect.ALL_SLOWER, Scope.SITE)
"""`jira-cost-based`, the limit on threads, the gateway without a reason: a burst limit of the whole tenant."""


@dataclass(frozen=True)
class Policy:
    """One member of `RateLimit-Policy` and `RateLimit`: the quota of a window, and its balance."""

    quota: int | None = None
    window: int | None = None
    balance: int | None = None
    resets_in: int | None = None


class Points(NamedTuple):
    """Points of an hour: those left at least, and all."""

    balance: int
    quota: int


@dataclass(frozen=True)
class Lesson:
    """An answer's information for the limiter. `wait` is in seconds, without jitter; quotas are points an hour."""

    effect: Effect
    scope: Scope | None = None
    wait: float = 0.0
    reason: str = ""
    app_quota: int | None = None
    app_balance: int | None = None
    site_quota: int | None = None
    site_balance: int | None = None


def lesson_of(status: int, headers: Mapping[str, str], now: datetime) -> Lesson:
    """Read an answer's status and headers; malformed values are ignored."""
    fields = _by_lower_name(headers)
    policies = _policies(fields)
    app, site = policies.get(_APP_QUOTA, Policy()), policies.get(_SITE_QUOTA, Policy())
    effect, scope = _pause(status, fields)
    if scope is None and status < _SERVER_ERROR:
        effect = Effect.SLOWER if _is_near(fields, policies) else Effect.CLEAN
    return Lesson(
        effect=effect,
        scope=scope,
        wait=wait_of(headers, now) if scope else 0.0,
        reason=fields.get("ratelimit-reason", "") or f"{status}",
        app_quota=_hourly(app),
        app_balance=app.balance,
        site_quota=_hourly(site),
        site_balance=site.balance,
    )


def points_of(headers: Mapping[str, str]) -> Points | None:
    """Points of the hour by an answer of a metered site; None where it names no quota.

    Jira states the balance once four fifths are spent; until then, a fifth is left at least.
    """
    policies = _policies(_by_lower_name(headers))
    for policy in (policies.get(_SITE_QUOTA, Policy()), policies.get(_APP_QUOTA, Policy())):
        if (quota := _hourly(policy)) is not None:
            return Points(round(quota * _NEAR) if policy.balance is None else policy.balance, quota)
    return None


def moment_of(headers: Mapping[str, str]) -> datetime | None:
    """The server's clock by `Date`, to the second; None where it is absent or malformed."""
    return _http_date(headers.get("Date") or "")


def is_pause(status: int, headers: Mapping[str, str]) -> bool:
    """Whether an answer asks us to come back later: 429, or 503 with a time."""
    return _pause(status, _by_lower_name(headers))[1] is not None


def wait_of(headers: Mapping[str, str], now: datetime) -> float:
    """Seconds until a refused request may be repeated: never before `Retry-After`, nor before a quota's own reset."""
    fields = _by_lower_name(headers)
    after, reset = _after(fields.get("retry-after"), now), _moment(fields.get("x-ratelimit-reset"))
    waits = [
        float(policy.resets_in) for policy in _policies(fields).values() if policy.balance == 0 and policy.resets_in
    ]
    if after is not None:
        waits.append(after)
    if reset is not None:
        waits.append((reset - now).total_seconds())
    if not waits and "quota" in fields.get("ratelimit-reason", ""):
        waits.append(_HOUR - now.timestamp() % _HOUR)
    return min(max(0.0, *waits), MAX_WAIT) if waits else DEFAULT_WAIT


def _pause(status: int, fields: Mapping[str, str]) -> tuple[Effect, Scope | None]:
    if status == _TOO_MANY_REQUESTS:
        return _REASONS.get(fields.get("ratelimit-reason", "").strip(), _UNKNOWN_REASON)
    if status == _UNAVAILABLE and "retry-after" in fields:
        return Effect.NONE, Scope.SITE
    return Effect.NONE, None


def _is_near(fields: Mapping[str, str], policies: Mapping[str, Policy]) -> bool:
    """Whether this endpoint's bucket is nearly empty. An hour that is nearly used up is no reason to slow down."""
    burst = policies.get(_BURST)
    if burst is not None and burst.balance is not None and burst.balance < _NEAR * (burst.quota or _MAX_BURST):
        return True
    limit, balance = _number(fields.get("x-ratelimit-limit")), _number(fields.get("x-ratelimit-remaining"))
    if limit is None:
        is_about_the_hour = any(policy.balance is not None for policy in policies.values())
    else:
        is_about_the_hour = limit >= _MAX_BURST
    if is_about_the_hour:
        return False
    has_flag = fields.get("x-ratelimit-nearlimit", "").strip().lower() == "true"
    return has_flag or (limit is not None and balance is not None and balance < _NEAR * limit)


def _hourly(policy: Policy) -> int | None:
    if not policy.quota or policy.window not in {None, _HOUR}:
        return None
    return min(policy.quota, _MAX_QUOTA)


# -- parsing


def _by_lower_name(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


_MEMBER = re.compile(r'(?:"[^"]*"|[^,"])+')
_NAME = re.compile(r'\s*"?([^";]+?)"?\s*(?:;|$)')
_PARAMETER = re.compile(r";\s*([a-z]+)\s*=\s*\"?(\d{1,12})(?=[\s;\".]|$)")


def _policies(fields: Mapping[str, str]) -> dict[str, Policy]:
    """Policies by name: enforced headers override the merely announced `Beta-` ones."""
    parameters_by_name: dict[str, dict[str, int]] = {}
    for header in ("beta-ratelimit-policy", "beta-ratelimit", "ratelimit-policy", "ratelimit"):
        for member in _MEMBER.findall(fields.get(header, "")):
            name = _NAME.match(member)
            if name:
                parameters_by_name.setdefault(name[1].lower(), {}).update(
                    {parameter: int(value) for parameter, value in _PARAMETER.findall(member)}
                )
    return {
        name: Policy(parameters.get("q"), parameters.get("w"), parameters.get("r"), parameters.get("t"))
        for name, parameters in parameters_by_name.items()
    }


def _number(value: str | None) -> int | None:
    text = (value or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else None  # noqa: PLR2004 - no limit of Jira's is longer


def _after(value: str | None, now: datetime) -> float | None:
    """`Retry-After`: seconds or, as HTTP allows, a date."""
    if not value:
        return None
    try:
        return min(max(0.0, float(value)), MAX_WAIT)
    except ValueError:
        pass
    moment = _http_date(value)
    return (moment - now).total_seconds() if moment else None


def _http_date(value: str) -> datetime | None:
    try:
        return _in_utc(parsedate_to_datetime(value))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _moment(value: str | None) -> datetime | None:
    """ISO time with or without seconds; Atlassian's examples show both."""
    try:
        return _in_utc(datetime.fromisoformat(value)) if value else None
    except ValueError:
        return None


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
