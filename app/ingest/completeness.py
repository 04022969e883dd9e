"""“Verified complete” is a statement with a time and a method: what is stored against what the site says it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from app import clock, ids
from app.catalog.registry import all_entities, entity
from app.ingest.walk import count, jql_of
from app.integrations import ledger
from app.integrations.model import State
from app.store import checkpoints
from app.store.schema import CHUNKS, COMPLETENESS
from app.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from app.jira.client import Site
    from app.store.session import Session, Store

APPROXIMATE_COUNT = "approximate-count"
LIST_TOTALS = "totals of the issues' own lists"
WALK_TOTALS = "totals of the walks"
_TOTALS = {"changelog": "changelog_total", "comment": "comment_total", "worklog": "worklog_total"}


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
    projects = _projects(store, tenant_id)
    asked = {project_id: count(site, jql_of(project_id)) for project_id in projects}
    with store.bound_to(tenant_id) as session:
        findings = [
            *(
                Finding("issue", project_id, _stored_issues(session, project_id), expected, APPROXIMATE_COUNT)
                for project_id, expected in asked.items()
                if expected is not None
            ),
            *_inside_issues(session),
            *_walked(session),
        ]
        now = clock.now()
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
        _conclude(session, tenant_id, findings)
    return findings


def _conclude(session: Session, tenant_id: UUID, findings: list[Finding]) -> None:
    integration = ledger.of_tenant(session, tenant_id, lock=True)
    stand = checkpoints.standing(session)
    if integration is None or not integration.state.is_working or stand.waiting:
        return
    short = [each for each in findings if not each.is_complete]
    if not short and not stand.failed:
        ledger.move_to(session, integration.id, State.HEALTHY, verified_at=clock.now())
        return
    missing = sum(each.expected - each.stored for each in short)
    reason = (
        f"{missing} of {sum(each.expected for each in short)} {short[0].entity} rows are missing; they are fetched again."
        if short
        else f"{stand.failed} parts of the site could not be read."
    )
    ledger.move_to(session, integration.id, State.NEEDS_ATTENTION, reason=reason)
    # A walk that ended early is walked again; upserts make the repeat harmless.
    checkpoints.walk_again(session, "issue", [each.scope_id for each in short if each.entity == "issue"])


def _projects(store: Store, tenant_id: UUID) -> list[str]:
    with store.bound_to(tenant_id) as session:
        query = select(CHUNKS.c.scope_id).where(CHUNKS.c.entity == "issue").distinct()
        return list(session.execute(query).scalars())


def _stored_issues(session: Session, project_id: str) -> int:
    table = table_of(entity("issue"))
    query = select(func.count()).where(table.c.project_id == project_id, table.c.deleted_at.is_(None))
    return int(session.execute(query).scalar_one())


def _inside_issues(session: Session) -> Iterator[Finding]:
    """Histories, comments and worklogs: each issue carries Jira's own total of its list."""
    issues = table_of(entity("issue"))
    for name, total in _TOTALS.items():
        table = table_of(entity(name))
        stored = session.execute(select(func.count()).where(table.c.deleted_at.is_(None))).scalar_one()
        expected = session.execute(select(func.sum(issues.c[total])).where(issues.c.deleted_at.is_(None))).scalar_one()
        yield Finding(name, "", int(stored), int(expected or 0), LIST_TOTALS)


def _walked(session: Session) -> Iterator[Finding]:
    """What a walk counts by itself: projects, statuses, boards, sprints and the like."""
    rows = session.execute(
        select(CHUNKS.c.entity, func.sum(CHUNKS.c.expected).label("expected"))
        .where(CHUNKS.c.expected.is_not(None), CHUNKS.c.state == "done")
        .group_by(CHUNKS.c.entity)
    ).all()
    for row in rows:
        if row.entity == "issue" or row.entity in _TOTALS or row.entity not in all_entities():
            continue
        table = table_of(entity(row.entity))
        stored = session.execute(select(func.count()).where(table.c.deleted_at.is_(None))).scalar_one()
        yield Finding(row.entity, "", int(stored), int(row.expected), WALK_TOTALS)


@dataclass(frozen=True)
class Progress:
    """How far one entity is; `expected` is None where the site has no count of its own."""

    entity: str
    done: int
    expected: int | None
    verified_at: str | None


def progress(session: Session) -> list[Progress]:
    """Every entity of the bound tenant: stored, expected, last verified."""
    latest = {
        row.entity: row
        for row in session.execute(
            select(
                COMPLETENESS.c.entity,
                func.max(COMPLETENESS.c.verified_at).filter(COMPLETENESS.c.is_complete).label("verified_at"),
            ).group_by(COMPLETENESS.c.entity)
        )
    }
    expected = _expected(session)
    return [
        Progress(
            entity=name,
            done=int(session.execute(select(func.count()).where(table_of(each).c.deleted_at.is_(None))).scalar_one()),
            expected=expected.get(name),
            verified_at=clock.rfc3339(latest[name].verified_at)
            if name in latest and latest[name].verified_at
            else None,
        )
        for name, each in all_entities().items()
    ]


def _expected(session: Session) -> dict[str, int]:
    rows = session.execute(
        select(CHUNKS.c.entity, func.sum(CHUNKS.c.expected).label("expected"))
        .where(CHUNKS.c.expected.is_not(None))
        .group_by(CHUNKS.c.entity)
    )
    counted = {row.entity: int(row.expected) for row in rows if row.entity not in _TOTALS}
    issues = table_of(entity("issue"))
    for name, total in _TOTALS.items():
        found = session.execute(select(func.sum(issues.c[total])).where(issues.c.deleted_at.is_(None))).scalar_one()
        counted[name] = int(found or 0)
    return counted
