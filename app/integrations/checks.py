"""The checks of a connection, each a function over a site that takes the credential. None where a check doesn't apply."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from app.conditions import Code, Condition
from app.errors import JiraRefused
from app.sources import Broken, Gone, NotForUs, NotOffered
from app.sources.answers import AccountKind

if TYPE_CHECKING:
    from app.sources import Finding, Source
    from app.sources.answers import Account, Server

_MOST_SKEW = timedelta(minutes=1)
"""Queries and watermarks overlap by more (`ingest.planning.site_clock`); signatures are good for three minutes."""
_SCARCE = 0.05
"""Share of an hour's points below which little more than webhooks is read."""


@dataclass(frozen=True)
class Check:
    """One check and the condition that it found."""

    name: str
    ok: bool
    condition: Condition
    is_required: bool = True


@dataclass(frozen=True)
class Connection:
    """A site that takes the credential, its first answer if it gave one, and the account."""

    source: Source
    server: Server | None
    account: Account


def is_by_app(source: Source) -> bool:
    """Whether the app reads the site, and not an account with a token: only apps have licences."""
    return source.capabilities.licence


def unanswered(name: str, cause: Condition) -> Check:
    """A check without an answer to its question."""
    return Check(name, ok=False, condition=Condition(Code.NOT_ASKED, why=cause), is_required=name == "projects")


def account(connection: Connection) -> Check | None:
    """A person's token ends when the person leaves; the app has an account of its own."""
    if is_by_app(connection.source):
        return None
    is_personal = connection.account.kind is AccountKind.PERSON
    code = Code.PERSONAL_ACCOUNT if is_personal else Code.SERVICE_ACCOUNT
    name = connection.account.name or connection.account.id
    return Check("account", ok=not is_personal, condition=Condition(code, name=name), is_required=False)


def projects(connection: Connection) -> Check:
    """At least one project is in sight: the only check beside the first two without which nothing can be read."""
    try:
        total = connection.source.project_count()
    except JiraRefused as failure:
        return Check("projects", ok=False, condition=Condition(Code.CANNOT_BROWSE, why=failure.condition))
    if not total:
        return Check("projects", ok=False, condition=Condition(Code.SEES_NO_PROJECT))
    return Check("projects", ok=True, condition=Condition(Code.SEES_PROJECTS, count=total))


def users(connection: Connection) -> Check:
    """The permission “Browse users and groups”."""
    return _permission(connection, "users", "USER_PICKER", (Code.GRANTED, Code.SEES_NO_USERS))


def aggregates(connection: Connection) -> Check:
    """The permission “View aggregated data”."""
    codes = (Code.GRANTED, Code.SEES_NO_AGGREGATES)
    return _permission(connection, "aggregates", "VIEW_AGGREGATED_DATA", codes)


def _permission(connection: Connection, name: str, permission: str, codes: tuple[Code, Code]) -> Check:
    return _yes_or_no(name, connection.source.has_permission(permission), codes)


def emails(connection: Connection) -> Check:
    """E-mail addresses need Atlassian's approval or people's consent; without them everything else works."""
    if not connection.source.capabilities.emails:
        return _optional("emails", Condition(Code.EMAILS_SHOWN))
    email = connection.source.email_of(connection.account.id)
    if isinstance(email, NotOffered):
        return _optional("emails", Condition(Code.NO_EMAILS), ok=False)
    if isinstance(email, NotForUs | Gone | Broken):
        return unanswered("emails", email.failure.condition)
    return _optional("emails", Condition(Code.READS_EMAILS))


def time_zone(connection: Connection) -> Check:
    """The zone in which Jira shows times to the account."""
    zone = connection.account.time_zone
    condition = Condition(Code.HAS_TIME_ZONE, zone=zone) if zone else Condition(Code.NO_TIME_ZONE)
    return _optional("time_zone", condition, ok=bool(zone))


def time_tracking(connection: Connection) -> Check:
    """Without time tracking there are no worklogs and no estimates."""
    return _yes_or_no("time_tracking", connection.source.tracks_time(), (Code.TRACKS_TIME, Code.TRACKS_NO_TIME))


def boards(connection: Connection) -> Check:
    """Boards, and the sprints on them, come with Jira Software."""
    total = connection.source.board_count()
    if isinstance(total, NotOffered | NotForUs | Gone):
        return _optional("boards", Condition(Code.NO_JIRA_SOFTWARE, why=total.failure.condition), ok=False)
    if isinstance(total, Broken):
        return unanswered("boards", total.failure.condition)
    condition = Condition(Code.SEES_BOARDS, count=total) if total else Condition(Code.SEES_NO_BOARD)
    return _optional("boards", condition, ok=bool(total))


def bulk(connection: Connection) -> Check | None:
    """The plan by which issues are read, where the source has a faster one. An empty site gives nothing to try it with."""
    source = connection.source
    if not source.capabilities.bulk_fetch:
        return None
    issue_id = source.newest_id()
    refusals = source.probe_bulk(issue_id) if issue_id else {}
    for finding in refusals.values():
        return _optional("bulk", Condition(Code.READS_BY_SEARCH, why=finding.failure.condition), ok=False)
    return _optional("bulk", Condition(Code.READS_IN_BULK))


def issues(connection: Connection) -> Check | None:
    """The site's own count, with which completeness is proven."""
    total = connection.source.issue_count()
    condition = Condition(Code.COUNTS_NO_ISSUES) if total is None else Condition(Code.COUNTS_ISSUES, count=total)
    return _optional("issues", condition, ok=total is not None)


def clock(connection: Connection) -> Check | None:
    """Signatures and queries need clocks that agree; left out where the answer carries no date."""
    skew = connection.server.clock_skew if connection.server else None
    if skew is None:
        return None
    if abs(skew) <= _MOST_SKEW:
        return _optional("clock", Condition(Code.CLOCK_RIGHT))
    return _optional("clock", Condition(Code.CLOCK_OFF, seconds=round(abs(skew.total_seconds()))), ok=False)


def points(connection: Connection) -> Check | None:
    """Points of this hour; left out where requests cost none, and where the site names no quota."""
    hour = connection.server.points if connection.server else None
    if hour is None or not connection.source.capabilities.metered_points:
        return None
    is_scarce = hour.balance < _SCARCE * hour.quota
    code = Code.POINTS_SCARCE if is_scarce else Code.POINTS_LEFT
    return _optional("points", Condition(code, left=hour.balance, quota=hour.quota), ok=not is_scarce)


def _optional(name: str, condition: Condition, *, ok: bool = True) -> Check:
    return Check(name, ok=ok, condition=condition, is_required=False)


def _yes_or_no(name: str, answer: bool | Finding, codes: tuple[Code, Code]) -> Check:
    if not isinstance(answer, bool):
        return unanswered(name, answer.failure.condition)
    return _optional(name, Condition(codes[0] if answer else codes[1]), ok=answer)
