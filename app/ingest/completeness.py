"""“Verified complete” is a statement with a time and a method: what is stored against what the site says it has."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on

from app import clock, ids
from app.catalog.registry import all_entities, entity
from app.catalog.registry import entity as entity_named
from app.errors import JiraDown, JiraNonsense
from app.ingest.walk import count, jql_of
from app.integrations import ledger
from app.integrations.model import State
from app.store import checkpoints, claims, poison, records
from app.store.schema import CHUNKS, COMPLETENESS, TALLIES
from app.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from uuid import UUID

    from app.jira.client import Site
    from app.store.session import Session, Store

APPROXIMATE_COUNT = "approximate-count"
LIST_TOTALS = "totals of the issues' own lists"
WALK_TOTALS = "totals of the walks"
_TRIES = 3
_TOTALS = {"changelog": "changelog_total", "comment": "comment_total", "worklog": "worklog_total"}


_AT_ONCE = 8
"""Projects that Jira is asked about at once; the limiter lets through what may be."""


@dataclass(frozen=True)
class Finding:
    """What is stored of an entity in a scope (a project id; empty: the site) and what the site has."""

    entity: str
    scope_id: str
    stored: int
    expected: int
    method: str

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing; more than the site has means that it deleted something since."""
        return self.stored >= self.expected


def verify(store: Store, site: Site, tenant_id: UUID) -> list[Finding]:
    """Compare, keep the findings as history, and say the result in the integration's state. Raises a JiraFailure."""
    asked = _counted(site, _projects(store, tenant_id))
    with store.bound_to(tenant_id) as session:
        records.lock_for_writing(session, tenant_id)
        # Held until the findings are kept: they must not be written behind an erasure that began while Jira was asked.
        integration = ledger.of_tenant(session, tenant_id, lock=True)
        if integration is None or integration.state is State.DELETING:
            return []
        counted = _count_anew(session, tenant_id)
        findings = [
            *(
                Finding("issue", project_id, _stored_issues(session, project_id), expected, APPROXIMATE_COUNT)
                for project_id, expected in asked.items()
                if expected is not None
            ),
            *_inside_issues(session, counted),
            *_walked(session, counted),
        ]
        now, before = clock.now(), _found_short(session)
        session.execute(
            COMPLETENESS.insert(),
            [
                {
                    "tenant_id": tenant_id,
                    "id": ids.new(),
                    "entity": each.entity,
                    "scope_id": each.scope_id,
                    "stored": each.stored,
                    "expected": each.expected,
                    "is_complete": each.is_complete,
                    "method": each.method,
                    "verified_at": now,
                }
                for each in findings
            ],
        )
        _conclude(session, tenant_id, findings, before)
    return findings


def _counted(site: Site, projects: list[str]) -> dict[str, int | None]:
    """How many issues Jira counts in each project. Raises a JiraFailure."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(projects, pool.map(lambda each: _asked(site, each), projects), strict=True))


def _asked(site: Site, project_id: str) -> int | None:
    """Jira's own count of a project: one bad answer in many must not spoil the others. Raises a JiraFailure."""
    for _ in range(_TRIES - 1):
        with suppress(JiraDown, JiraNonsense):
            return count(site, jql_of(project_id))
    return count(site, jql_of(project_id))


def _conclude(session: Session, tenant_id: UUID, findings: list[Finding], before: dict[str, int]) -> None:
    integration = ledger.of_tenant(session, tenant_id, lock=True)
    stand = claims.standing(session)
    if integration is None or not integration.state.is_working or stand.waiting:
        return
    short = [each for each in findings if not each.is_complete]
    if not short and not stand.failed:
        ledger.move_to(session, integration.id, State.HEALTHY, verified_at=clock.now())
        return
    # A walk that ended early is walked again, but not for ever: what a second one did not bring is hidden from us.
    again = [each.scope_id for each in short if each.entity == "issue" and before.get(each.scope_id) != each.stored]
    is_retried = bool(checkpoints.walk_again(session, ["issue"], again))
    reason = (
        _missing(session, short, is_retried=is_retried)
        if short
        else f"{stand.failed} parts of the site could not be read."
    )
    ledger.move_to(session, integration.id, State.NEEDS_ATTENTION, reason=reason)


def _missing(session: Session, short: list[Finding], *, is_retried: bool) -> str:
    missing, expected = sum(each.expected - each.stored for each in short), sum(each.expected for each in short)
    parked = poison.count(session, short[0].entity)
    if parked:
        what_now = f"{parked} record{'s' if parked > 1 else ''} could not be read"
    else:
        what_now = "they are fetched again" if is_retried else "the site does not send them"
    return f"{missing} of {expected} {short[0].entity} rows are missing; {what_now}."


def _found_short(session: Session) -> dict[str, int]:
    """How many issues were stored of the projects that the last verification found short, by project."""
    latest = (
        select(COMPLETENESS.c.scope_id, COMPLETENESS.c.stored, COMPLETENESS.c.is_complete)
        .where(COMPLETENESS.c.entity == "issue")
        .ext(distinct_on(COMPLETENESS.c.scope_id))
        .order_by(COMPLETENESS.c.scope_id, COMPLETENESS.c.verified_at.desc())
    )
    return {row.scope_id: row.stored for row in session.execute(latest) if not row.is_complete}


def _projects(store: Store, tenant_id: UUID) -> list[str]:
    with store.bound_to(tenant_id) as session:
        query = select(CHUNKS.c.scope_id).where(CHUNKS.c.entity == "issue").distinct()
        return list(session.execute(query).scalars())


def _stored_issues(session: Session, project_id: str) -> int:
    table = table_of(entity("issue"))
    query = select(func.count()).where(table.c.project_id == project_id, table.c.deleted_at.is_(None))
    return int(session.execute(query).scalar_one())


def _inside_issues(session: Session, counted: dict[str, int]) -> Iterator[Finding]:
    """Histories, comments and worklogs: each issue carries Jira's own total of its list."""
    for name, expected in _list_totals(session).items():
        yield Finding(name, "", counted[name], expected, LIST_TOTALS)


def _walked(session: Session, counted: dict[str, int]) -> Iterator[Finding]:
    """What a walk counts by itself: projects, statuses, boards, sprints and the like."""
    for name, expected in _walk_totals(session, only_done=True).items():
        if name != "issue" and name in all_entities():
            yield Finding(name, "", counted[name], expected, WALK_TOTALS)


def _walk_totals(session: Session, *, only_done: bool) -> dict[str, int]:
    """What the walks of the bound tenant were told to expect, by entity; lists of issues are counted by the issues."""
    query = select(CHUNKS.c.entity, func.sum(CHUNKS.c.expected).label("expected")).where(CHUNKS.c.expected.is_not(None))
    if only_done:
        query = query.where(CHUNKS.c.state == "done")
    rows = session.execute(query.group_by(CHUNKS.c.entity))
    return {row.entity: int(row.expected) for row in rows if row.entity not in _TOTALS}


def _list_totals(session: Session) -> dict[str, int]:
    """Jira's own totals of the lists of all live issues."""
    issues = table_of(entity("issue"))
    sums = [func.coalesce(func.sum(issues.c[total]), 0).label(name) for name, total in _TOTALS.items()]
    row = session.execute(select(*sums).where(issues.c.deleted_at.is_(None))).one()
    return {name: int(getattr(row, name)) for name in _TOTALS}


def _count_anew(session: Session, tenant_id: UUID) -> dict[str, int]:
    """Count every live row, and put the tallies right, which drift where tombstones revive. Wants the write lock."""
    counted = {}
    for name, each in all_entities().items():
        query = select(func.count()).select_from(table_of(each)).where(table_of(each).c.deleted_at.is_(None))
        counted[name] = int(session.execute(query).scalar_one())
    held = _tallies(session)
    records.tally(session, tenant_id, {name: count - held.get(name, 0) for name, count in counted.items()})
    return counted


def _tallies(session: Session) -> dict[str, int]:
    return {row.entity: row.live for row in session.execute(select(TALLIES.c.entity, TALLIES.c.live))}


@dataclass(frozen=True)
class Progress:
    """How far one entity is; `expected` is None where the site has no count of its own."""

    entity: str
    done: int
    expected: int | None
    verified_at: str | None


def progress(session: Session) -> list[Progress]:
    """Every entity of the bound tenant: stored, expected, last verified."""
    verified = session.execute(
        select(COMPLETENESS.c.entity, func.max(COMPLETENESS.c.verified_at).label("at"))
        .where(COMPLETENESS.c.is_complete)
        .group_by(COMPLETENESS.c.entity)
    )
    verified_at = {row.entity: clock.rfc3339(row.at) for row in verified}
    expected = {**_walk_totals(session, only_done=False), **_list_totals(session)}
    held = _tallies(session)
    return [
        Progress(name, max(0, held.get(name, 0)), expected.get(name), verified_at.get(name)) for name in all_entities()
    ]


@dataclass(frozen=True)
class Kept:
    """A finding as it is kept."""

    entity: str
    scope_id: str
    project_key: str | None
    stored: int
    expected: int
    difference: int
    suspected: int
    is_complete: bool
    method: str
    verified_at: datetime


def kept(
    session: Session, *, entity: str | None = None, scope_id: str | None = None, is_history: bool = False, limit: int
) -> list[Kept]:
    """Findings of the bound tenant, latest first: the latest of each entity and scope, or all that are kept."""
    of, project = COMPLETENESS.c, table_of(entity_named("project"))
    query = select(COMPLETENESS)
    if entity is not None:
        query = query.where(of.entity == entity)
    if scope_id is not None:
        query = query.where(of.scope_id == scope_id)
    if not is_history:
        query = query.ext(distinct_on(of.entity, of.scope_id)).order_by(of.entity, of.scope_id, of.verified_at.desc())
    found = query.subquery()
    is_its = (project.c.id == found.c.scope_id) & (found.c.scope_id != "")
    difference = (found.c.stored - found.c.expected).label("difference")
    names = [name for name in Kept.__dataclass_fields__ if name not in {"project_key", "difference"}]
    rows = session.execute(
        select(*(found.c[name] for name in names), project.c.key.label("project_key"), difference)
        .outerjoin(project, is_its)
        .order_by(found.c.verified_at.desc(), found.c.entity, found.c.scope_id)
        .limit(limit)
    )
    return [Kept(**row._asdict()) for row in rows]
