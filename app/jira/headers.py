"""What an answer says about limits, in every form that Jira has used (Atlassian, "Rate limiting").

`lesson_of` says what the limiter learns; `wait_of` says how long a refused caller stays away. Both the limiter and
`failures` ask here, so that they never disagree about when to come back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

UNSAID = 30.0
"""Seconds to wait where a 429 names none, as the gateway's form does."""
LONGEST = 2 * 3600.0
"""Quotas are hourly: whatever asks for more is a mistake, and would park a site for ever."""
_HOUR = 3600
_TOO_MANY, _UNAVAILABLE, _SERVER_ERROR = 429, 503, 500
_NEAR = 0.2
"""Jira's own bound: `X-RateLimit-NearLimit` is true below 20 %."""
_LARGEST_BURST = 10_000
"""An `X-RateLimit-Limit` beyond it counts an hour (65,000 points, 360,000 units), not a second (350 at most)."""
_LARGEST_QUOTA = 500_000
"""Points an hour that no app of Atlassian's tiers exceeds."""
_APP_QUOTA, _SITE_QUOTA, _BURST = "global-app-quota", "tenant-app-quota", "jira-burst-based"


class Scope(StrEnum):
    """What has to pause."""

    ENDPOINT = "endpoint"
    SITE = "site"
    APP = "app"


class Effect(StrEnum):
    """What an answer does to the pace."""

    CLEAN = "clean"
    """Counts towards one more request a second."""
    NONE = "none"
    SLOWER = "slower"
    """Half the pace of this endpoint."""
    ALL_SLOWER = "all-slower"
    """Half the pace of every endpoint of the site."""


_REASONS = {
    "jira-quota-global-based": (Effect.NONE, Scope.APP),
    "jira-quota-tenant-based": (Effect.NONE, Scope.SITE),
    "jira-burst-based": (Effect.SLOWER, Scope.ENDPOINT),
    "jira-per-issue-on-write": (Effect.SLOWER, Scope.ENDPOINT),
}
_UNKNOWN = (Effect.ALL_SLOWER, Scope.SITE)
"""`jira-cost-based`, the limit on threads, the gateway without a reason: a burst of the whole tenant."""


@dataclass(frozen=True)
class Policy:
    """One member of `RateLimit-Policy` and `RateLimit`: what is allowed in a window, and what is left of it."""

    quota: int | None = None
    window: int | None = None
    left: int | None = None
    resets_in: int | None = None


@dataclass(frozen=True)
class Lesson:
    """What the limiter learns from an answer. `wait` is in seconds, without jitter; the quotas are points an hour."""

    effect: Effect
    scope: Scope | None = None
    wait: float = 0.0
    reason: str = ""
    app_quota: int | None = None
    app_left: int | None = None
    site_quota: int | None = None
    site_left: int | None = None


def lesson_of(status: int, headers: Mapping[str, str], now: datetime) -> Lesson:
    """Read an answer's status and headers; garbage among them is passed over."""
    given = _by_lower_name(headers)
    policies = _policies(given)
    app, site = policies.get(_APP_QUOTA, Policy()), policies.get(_SITE_QUOTA, Policy())
    effect, scope = _pause(status, given)
    if scope is None and status < _SERVER_ERROR:
        effect = Effect.SLOWER if _is_near(given, policies) else Effect.CLEAN
    return Lesson(
        effect=effect,
        scope=scope,
        wait=wait_of(headers, now) if scope else 0.0,
        reason=given.get("ratelimit-reason", "") or f"{status}",
        app_quota=_hourly(app),
        app_left=app.left,
        site_quota=_hourly(site),
        site_left=site.left,
    )


def is_pause(status: int, headers: Mapping[str, str]) -> bool:
    """Whether an answer tells us to come back later: 429, or 503 with a time."""
    return _pause(status, _by_lower_name(headers))[1] is not None


def wait_of(headers: Mapping[str, str], now: datetime) -> float:
    """Seconds until a refused request may come again: never before `Retry-After`, nor before a quota's own reset."""
    given = _by_lower_name(headers)
    after, reset = _after(given.get("retry-after"), now), _moment(given.get("x-ratelimit-reset"))
    waits = [float(each.resets_in) for each in _policies(given).values() if each.left == 0 and each.resets_in]
    if after is not None:
        waits.append(after)
    if reset is not None:
        waits.append((reset - now).total_seconds())
    if not waits and "quota" in given.get("ratelimit-reason", ""):
        waits.append(_HOUR - now.timestamp() % _HOUR)
    return min(max(0.0, *waits), LONGEST) if waits else UNSAID


def _pause(status: int, given: Mapping[str, str]) -> tuple[Effect, Scope | None]:
    if status == _TOO_MANY:
        return _REASONS.get(given.get("ratelimit-reason", "").strip(), _UNKNOWN)
    if status == _UNAVAILABLE and "retry-after" in given:
        return Effect.NONE, Scope.SITE
    return Effect.NONE, None


def _is_near(given: Mapping[str, str], policies: Mapping[str, Policy]) -> bool:
    """Whether the bucket of this endpoint is nearly empty. That the hour is nearly used up is no reason to go slower."""
    burst = policies.get(_BURST)
    if burst is not None and burst.left is not None and burst.left < _NEAR * (burst.quota or _LARGEST_BURST):
        return True
    limit, left = _number(given.get("x-ratelimit-limit")), _number(given.get("x-ratelimit-remaining"))
    if limit is None:
        is_about_the_hour = any(each.left is not None for each in policies.values())
    else:
        is_about_the_hour = limit >= _LARGEST_BURST
    if is_about_the_hour:
        return False
    is_said = given.get("x-ratelimit-nearlimit", "").strip().lower() == "true"
    return is_said or (limit is not None and left is not None and left < _NEAR * limit)


def _hourly(policy: Policy) -> int | None:
    if not policy.quota or policy.window not in {None, _HOUR}:
        return None
    return min(policy.quota, _LARGEST_QUOTA)


# -- reading


def _by_lower_name(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


_MEMBER = re.compile(r'(?:"[^"]*"|[^,"])+')
_NAME = re.compile(r'\s*"?([^";]+?)"?\s*(?:;|$)')
_PARAMETER = re.compile(r";\s*([a-z]+)\s*=\s*\"?(\d{1,12})(?=[\s;\".]|$)")


def _policies(given: Mapping[str, str]) -> dict[str, Policy]:
    """Policies by name: what is enforced comes before what is only announced as `Beta-`."""
    found: dict[str, dict[str, int]] = {}
    for header in ("beta-ratelimit-policy", "beta-ratelimit", "ratelimit-policy", "ratelimit"):
        for member in _MEMBER.findall(given.get(header, "")):
            name = _NAME.match(member)
            if name:
                found.setdefault(name[1].lower(), {}).update(
                    {parameter: int(value) for parameter, value in _PARAMETER.findall(member)}
                )
    return {name: Policy(each.get("q"), each.get("w"), each.get("r"), each.get("t")) for name, each in found.items()}


def _number(value: str | None) -> int | None:
    text = (value or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else None  # noqa: PLR2004 - no limit of Jira's is longer


def _after(value: str | None, now: datetime) -> float | None:
    """`Retry-After`: seconds or, as HTTP allows, a date."""
    if not value:
        return None
    try:
        return min(max(0.0, float(value)), LONGEST)
    except ValueError:
        pass
    try:
        return (_in_utc(parsedate_to_datetime(value)) - now).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _moment(value: str | None) -> datetime | None:
    """ISO time with or without seconds, as Atlassian's examples show both."""
    try:
        return _in_utc(datetime.fromisoformat(value)) if value else None
    except ValueError:
        return None


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
