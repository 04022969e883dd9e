"""Sweeps over ids: every night what changed in the last 26 hours, every week all that there is.

A sweep reads only ids, and costs Jira's points all the same: one for each. So the weekly one is spread over the hours of
the week, and a site of any size takes at most `MOST_AN_HOUR` of them. What the sweep has and we do not is read; what we
have and the sweep does not becomes an absence, nothing more.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, select

from app import clock, logs
from app.catalog.extract import to_moment
from app.catalog.language import OPEN_END
from app.catalog.registry import entity
from app.conditions import Code, Condition
from app.ingest.drift import poll
from app.ingest.planning import inbox
from app.ingest.writing import absences, project_access
from app.integrations import ledger
from app.integrations.model import State
from app.sources import Scope
from app.store import cursors
from app.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from uuid import UUID

    from sqlalchemy import ColumnElement

    from app.sources import Source
    from app.store.cursors import Cursor
    from app.store.session import Session, Store

log = logs.get(__name__)

RECENT = timedelta(hours=26)
"""What the nightly sweep looks at: a day, and two hours for an index that lags or a night that comes late."""
_SETTLED = timedelta(minutes=15)
"""What changed or was read as lately as that may not be in the index yet, and is missed by nobody."""
WEEK, HOURS = timedelta(days=7), 7 * 24
MOST_AN_HOUR, LEAST_AN_HOUR = 5000, 200
"""Ids of a site in one hour: one page of Jira's at most, 8 % of the points of the smallest tier."""
_MINUTE_MS = 60_000


class Swept(NamedTuple):
    """What a sweep found."""

    looked: int
    asked: int
    """Issues that were not here as they are there; they are read again."""
    missed: int
    """Stored issues that the sweep did not see."""


def sweep_recent(store: Store, source: Source, tenant_id: UUID) -> Condition | None:
    """Compare what changed in the last 26 hours. Returns what was found; raises a JiraFailure."""
    cursor = _take(store, tenant_id, "recent")
    if cursor is None:
        return None
    try:
        lower: datetime | None = None
        seen: set[str] = set()
        asked = 0
        since = _ms(clock.now() - RECENT)
        for page in source.changed_since(since):
            lower = lower or page.sent_at
            seen |= page.issues.keys()
            with store.bound_to(tenant_id) as session:
                asked += poll.keep_page(session, page, origin=inbox.SWEEP)
                cursors.move(session, cursor)
        with store.bound_to(tenant_id) as session:
            stored = _changed_between(session, clock.now() - RECENT, (lower or clock.now()) - _SETTLED)
        missed = _miss(store, source, tenant_id, stored - seen)
        with store.bound_to(tenant_id) as session:
            cursors.move(session, cursor, ended_at=clock.now())
    finally:
        _give_back(store, tenant_id, cursor)
    log.info("sweep of a day", tenant_id=str(tenant_id), looked=len(seen), asked=asked, missed=missed)
    return Condition(Code.DAY_SWEPT, issues=len(seen), reread=asked, missed=missed)


def sweep_ids(store: Store, source: Source, tenant_id: UUID) -> Condition | None:
    """Compare the next part of all ids, an hour's worth, once a week from the first to the last. Raises a JiraFailure."""
    cursor = _take(store, tenant_id, "ids")
    if cursor is None:
        return None
    try:
        if not cursor.scope_id and cursor.began is not None and _ms(clock.now() - WEEK) < cursor.began:
            return None
        with store.bound_to(tenant_id) as session:
            projects, budget = _open_projects(session), _budget(session)
            if not cursor.scope_id:
                cursors.move(session, cursor, began=_ms(clock.now()))
        found = _sweep_on(
            store, source, tenant_id, cursor, [each for each in projects if each >= cursor.scope_id], budget
        )
    finally:
        _give_back(store, tenant_id, cursor)
    log.info("sweep of ids", tenant_id=str(tenant_id), **found._asdict())
    return Condition(Code.IDS_SWEPT, ids=found.looked, reread=found.asked, missed=found.missed)


def _sweep_on(
    store: Store, source: Source, tenant_id: UUID, cursor: Cursor, projects: Sequence[str], budget: int
) -> Swept:
    """Go on through the projects until so many ids are compared; the cursor moves with each part."""
    sums = Swept(0, 0, 0)
    lower = cursor.reached if projects and projects[0] == cursor.scope_id else 0
    for project, following in zip(projects, [*projects[1:], ""], strict=True):
        upper = lower
        while upper != OPEN_END:
            if sums.looked >= budget:
                return sums
            with store.bound_to(tenant_id) as session:
                upper = _upper(session, project, lower, budget)
            found = sweep_range(store, source, tenant_id, project, lower, upper)
            sums = Swept(*(one + other for one, other in zip(sums, found, strict=True)))
            lower = 0 if upper == OPEN_END else upper
            with store.bound_to(tenant_id) as session:
                cursors.move(session, cursor, scope_id=following if upper == OPEN_END else project, reached=lower)
    with store.bound_to(tenant_id) as session:
        cursors.move(session, cursor, scope_id="", reached=0, ended_at=clock.now())
    return sums


def sweep_range(store: Store, source: Source, tenant_id: UUID, project_id: str, lower: int, upper: int) -> Swept:
    """Compare the ids of a project's issues that were created in [lower, upper), epoch ms. Raises a JiraFailure."""
    seen: set[str] = set()
    begun = clock.now()
    for page in source.ids(Scope(project_id, lower, upper)):
        seen |= page.issues.keys()
    with store.bound_to(tenant_id) as session:
        stored = _created_between(session, project_id, lower, upper)
        absences.seen_again(session, sorted(seen & stored))
        # What is not stored, is stored as gone, or was moved here from another project.
        asked = inbox.ask(session, sorted(seen - stored), origin=inbox.SWEEP)
        fresh = _read_since(session, stored - seen, begun - _SETTLED)
    return Swept(len(seen), asked, _miss(store, source, tenant_id, stored - seen - fresh))


def _miss(store: Store, source: Source, tenant_id: UUID, issues: Collection[str]) -> int:
    """Note that issues were not seen, unless their project is out of sight: then that is what has become of them."""
    if not issues:
        return 0
    with store.bound_to(tenant_id) as session:
        by_project = _by_project(session, issues)
    in_sight = project_access.look_at(store, source, tenant_id, by_project)
    with store.bound_to(tenant_id) as session:
        missed = 0
        for project_id, members in by_project.items():
            if project_id in in_sight:
                missed += absences.miss(session, members)
            else:
                evidence = Condition(Code.PROJECT_HIDDEN)
                absences.settle(session, members, absences.PERMISSION_LOST, evidence=evidence)
    return missed


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _take(store: Store, tenant_id: UUID, name: str) -> Cursor | None:
    with store.bound_to(tenant_id) as session:
        integration = ledger.of_tenant(session)
        if integration is None or not integration.is_served or integration.state is State.BACKFILLING:
            return None
        return cursors.take(session, name)


def _give_back(store: Store, tenant_id: UUID, cursor: Cursor) -> None:
    with store.bound_to(tenant_id) as session:
        cursors.give_back(session, cursor)


def _open_projects(session: Session) -> list[str]:
    """The projects whose issues a search can find, in the order in which the sweep goes through them."""
    project = table_of(entity("project"))
    is_closed = project.c.is_archived | project.c.is_deleted
    query = select(project.c.id).where(project.c.deleted_at.is_(None), func.coalesce(is_closed, False).is_(False))
    frozen = project_access.frozen(session)
    return sorted(each for each in session.execute(query).scalars() if each not in frozen)


def _budget(session: Session) -> int:
    """Ids of this hour: a week's share of all, within bounds."""
    issue = table_of(entity("issue"))
    live = int(
        session.execute(select(func.count()).select_from(issue).where(issue.c.deleted_at.is_(None))).scalar_one()
    )
    return max(LEAST_AN_HOUR, min(MOST_AN_HOUR, -(-live * 11 // (HOURS * 10))))


def _upper(session: Session, project_id: str, lower: int, budget: int) -> int:
    """Where a range of about so many stored issues ends, a whole minute; OPEN_END where it is the project's last."""
    issue = table_of(entity("issue"))
    at = (
        select(issue.c.created)
        .where(*_is_between(project_id, lower, OPEN_END))
        .order_by(issue.c.created)
        .offset(budget)
        .limit(1)
    )
    found = session.execute(at).scalar_one_or_none()
    if found is None:
        return OPEN_END
    upper = int(found.timestamp() * 1000) // _MINUTE_MS * _MINUTE_MS
    return upper if upper > lower else upper + _MINUTE_MS


def _created_between(session: Session, project_id: str, lower: int, upper: int) -> set[str]:
    issue = table_of(entity("issue"))
    return set(session.execute(select(issue.c.id).where(*_is_between(project_id, lower, upper))).scalars())


def _is_between(project_id: str, lower: int, upper: int) -> list[ColumnElement[bool]]:
    issue = table_of(entity("issue"))
    found = [issue.c.project_id == project_id, issue.c.deleted_at.is_(None)]
    if lower:
        found.append(issue.c.created >= to_moment(lower))
    if upper != OPEN_END:
        found.append(issue.c.created < to_moment(upper))
    return found


def _changed_between(session: Session, lower: datetime, upper: datetime) -> set[str]:
    """Stored issues that were changed in a span and not read since its end: what is younger may not be indexed yet."""
    issue = table_of(entity("issue"))
    is_meant = (
        issue.c.updated >= lower,
        issue.c.updated < upper,
        issue.c.read_at < upper,
        issue.c.deleted_at.is_(None),
    )
    return set(session.execute(select(issue.c.id).where(*is_meant)).scalars())


def _read_since(session: Session, issues: Collection[str], moment: datetime) -> set[str]:
    """Those of the issues that were read, or made, since a moment."""
    issue = table_of(entity("issue"))
    is_young = (issue.c.read_at >= moment) | (issue.c.created >= moment)
    return set(session.execute(select(issue.c.id).where(issue.c.id.in_(list(issues)), is_young)).scalars())


def _by_project(session: Session, issues: Collection[str]) -> dict[str, list[str]]:
    issue = table_of(entity("issue"))
    found: dict[str, list[str]] = {}
    query = select(issue.c.id, issue.c.project_id).where(issue.c.id.in_(list(issues)), issue.c.deleted_at.is_(None))
    for row in session.execute(query):
        found.setdefault(row.project_id or "", []).append(row.id)
    return found
