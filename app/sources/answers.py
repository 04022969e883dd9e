"""Typed answers of a source."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from app.catalog.json_value import Json, find

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from msgspec import Raw

    from app.jira.headers import Points
    from app.sources.outcomes import Broken, NotForUs, NotOffered


@dataclass(frozen=True)
class Capabilities:
    """Abilities of one kind of Jira."""

    webhooks: bool
    failed_webhooks: bool
    """A list of webhooks that the site couldn't deliver."""
    worklog_feeds: bool
    """Feeds of changed and deleted worklogs."""
    counts: bool
    """Counts issues by query without sending them."""
    filter_matching: bool
    """Matches issues against saved filters, many at a time."""
    bulk_fetch: bool
    """Whole issues by id, a hundred a request."""
    metered_points: bool
    """Requests cost points of an hourly quota."""
    licence: bool
    """States whether the app's licence is active."""
    emails: bool
    """May give e-mail addresses, where Atlassian has approved the app."""
    time_zone: bool
    """States the time zone of the credential's account."""


class AccountKind(StrEnum):
    """Kind of an account."""

    APP = "app"
    SERVICE = "service"
    PERSON = "person"


@dataclass(frozen=True)
class Account:
    """The account behind a credential."""

    id: str
    name: str | None
    kind: AccountKind | None = None
    time_zone: str | None = None


@dataclass(frozen=True)
class QueryCheck:
    """The site's answer to a query."""

    problems: tuple[str, ...]
    """In the site's own words; none for a good query."""
    matches: int | None = None
    """Issues that fit; None where the site doesn't count."""
    sample: tuple[str, ...] = ()
    """Keys of the newest issues that fit."""


@dataclass(frozen=True)
class Server:
    """Version and kind of a site, as it states them, and the circumstances of its answer."""

    version: str | None
    deployment: str | None
    clock_skew: timedelta | None = None
    """The site's clock less ours; None where the answer carries no date."""
    points: Points | None = None
    """Points of this hour; None where the answer names no quota."""


@dataclass
class IssueRead:
    """Issues as they were at one moment, by their ids."""

    sent_at: datetime
    bodies: list[Json] = field(default_factory=list)
    unsearchable: set[str] = field(default_factory=set)
    """Ids that only a direct read answers: archived, or not indexed yet."""
    gone_ids: set[str] = field(default_factory=set)
    """Ids that a direct read didn't find: deleted, or invisible."""
    unreadable: dict[str, NotOffered | NotForUs | Broken] = field(default_factory=dict)
    """Findings about issues that are there and can't be had, by id."""
    outside_ids: set[str] = field(default_factory=set)
    """Ids of issues that are there, outside the selection."""


@dataclass(frozen=True)
class IdPage:
    """A page of issue ids with their last change (None where it wasn't asked for)."""

    issues: Mapping[str, datetime | None]
    token: str | None
    """Token of the next page; None at the end."""
    sent_at: datetime
    site_time: datetime | None
    """The site's clock, to the second; None where the answer carries no date."""
    outside_ids: frozenset[str] = frozenset()
    """Ids of the page's issues outside the selection."""


@dataclass(frozen=True)
class Matches:
    """Board memberships among the issues and boards of one question."""

    items: list[Json | Raw]
    """One object a membership: `boardId`, `issueId`."""
    board_ids: Sequence[str]
    """Boards with a filter that Jira could evaluate."""
    unreadable: Mapping[str, NotOffered | NotForUs | Broken]
    """Findings about the other boards' filters, by board id."""
    issue_ids: Sequence[str]
    sent_at: datetime


@dataclass(frozen=True)
class FeedPage:
    """A page of a worklog feed: ids with the moment of their change, epoch milliseconds."""

    worklogs: Mapping[str, int]
    reached: int
    """The feed has been read up to this moment, epoch milliseconds."""


@dataclass(frozen=True)
class FailedPage:
    """A page of the list of webhooks that the site couldn't deliver."""

    deliveries: Sequence[Json]
    reached: int
    """Moment of the newest failure read so far, epoch milliseconds."""


@dataclass(frozen=True)
class Objects:
    """Objects of one unpaged answer."""

    items: Sequence[Json]
    sent_at: datetime


def is_archived(body: Json) -> bool:
    """Whether an issue states that it is archived: no search finds it, a direct read does."""
    return bool(find(body, "fields.archiveddate") or find(body, "fields.archived"))
