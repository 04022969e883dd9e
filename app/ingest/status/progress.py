"""Progress and completeness of an integration, for people and SEI."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on

from app import clock
from app.catalog.registry import all_entities, list_totals
from app.catalog.registry import entity as entity_named
from app.integrations.model import State
from app.store import claims, records
from app.store.schema import CHUNKS, COMPLETENESS
from app.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from app.integrations.model import Integration
    from app.store.session import Session


@dataclass(frozen=True)
class Progress:
    """Progress of one entity; `expected` is None where the site has no count of its own."""

    entity: str
    done: int
    expected: int | None
    verified_at: str | None


def by_entity(session: Session) -> list[Progress]:
    """Every entity of the bound tenant: stored, expected, last verified."""
    verifications = session.execute(
        select(COMPLETENESS.c.entity, func.max(COMPLETENESS.c.verified_at).label("at"))
        .where(COMPLETENESS.c.is_complete)
        .group_by(COMPLETENESS.c.entity)
    )
    verified_at = {row.entity: clock.rfc3339(row.at) for row in verifications}
    totals = {**_walk_totals(session), **_list_totals(session)}
    tallies = records.tallies(session)
    return [
        Progress(name, max(0, tallies.get(name, 0)), totals.get(name), verified_at.get(name)) for name in all_entities()
    ]


def remaining_seconds(session: Session, integration: Integration, entities: Sequence[Progress]) -> int | None:
    """Seconds until all issues are stored, which are nearly all of the work; None outside a backfill.

    The pace is that since the reading began. None too while less than a twentieth is stored, or parts of the site aren't
    counted yet.
    """
    issues = next((progress for progress in entities if progress.entity == "issue"), None)
    if integration.state is not State.BACKFILLING or integration.started_at is None:
        return None
    if issues is None or not issues.expected or issues.done < issues.expected / _LEAST_PART:
        return None
    if not claims.is_counted(session):
        return None
    seconds = (clock.now() - integration.started_at).total_seconds()
    return round(seconds * max(0, issues.expected - issues.done) / issues.done)


_LEAST_PART = 20
"""One issue in so many must be stored before their pace says something."""


@dataclass(frozen=True)
class Kept:
    """A stored finding."""

    entity: str
    scope_id: str
    project_key: str | None
    stored: int
    expected: int
    difference: int
    suspected: int
    unreadable: int
    is_complete: bool
    method: str
    verified_at: datetime


def kept(
    session: Session, *, entity: str | None = None, scope_id: str | None = None, is_history: bool = False, limit: int
) -> list[Kept]:
    """Findings of the bound tenant, latest first: the latest of each entity and scope, or the whole history."""
    of, project = COMPLETENESS.c, table_of(entity_named("project"))
    query = select(COMPLETENESS)
    if entity is not None:
        query = query.where(of.entity == entity)
    if scope_id is not None:
        query = query.where(of.scope_id == scope_id)
    if not is_history:
        query = query.ext(distinct_on(of.entity, of.scope_id)).order_by(of.entity, of.scope_id, of.verified_at.desc())
    findings = query.subquery()
    is_its = (project.c.id == findings.c.scope_id) & (findings.c.scope_id != "")
    difference = (findings.c.stored - findings.c.expected).label("difference")
    names = [name for name in Kept.__dataclass_fields__ if name not in {"project_key", "difference"}]
    rows = session.execute(
        select(*(findings.c[name] for name in names), project.c.key.label("project_key"), difference)
        .outerjoin(project, is_its)
        .order_by(findings.c.verified_at.desc(), findings.c.entity, findings.c.scope_id)
        .limit(limit)
    )
    return [Kept(**row._asdict()) for row in rows]


def _walk_totals(session: Session) -> dict[str, int]:
    """Expected rows of the walks, by entity; the issues' own totals count their lists."""
    query = select(CHUNKS.c.entity, func.sum(CHUNKS.c.expected).label("expected")).where(CHUNKS.c.expected.is_not(None))
    rows = session.execute(query.group_by(CHUNKS.c.entity))
    return {row.entity: int(row.expected) for row in rows if row.entity not in list_totals()}


def _list_totals(session: Session) -> dict[str, int]:
    """Jira's own totals of the lists of all live issues."""
    issues = table_of(entity_named("issue"))
    sums = [func.coalesce(func.sum(issues.c[total]), 0).label(name) for name, total in list_totals().items()]
    row = session.execute(select(*sums).where(issues.c.deleted_at.is_(None))).one()
    return {name: int(getattr(row, name)) for name in list_totals()}
