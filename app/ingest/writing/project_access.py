"""Access to projects: a project out of sight is frozen and reported, never erased.

A search without results looks the same for an empty project and for a closed one, so no search is trusted before the
project itself was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from app import clock, logs
from app.catalog.language import Each
from app.catalog.registry import entity, walked
from app.conditions import Code, Condition
from app.ingest.planning.plan import enqueue_worker_once
from app.ingest.writing import absences, unreadable
from app.ingest.writing.unreadable import Part
from app.sources import persist
from app.store import checkpoints, records
from app.store.schema import CHUNKS
from app.store.sync_tables import FROZEN_PROJECTS
from app.store.tables import is_live, table_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID

    from app.sources import Source
    from app.store.session import Session, Store

log = logs.get(__name__)

_BATCH = 500
"""Issues that are buried in one transaction, with all that hangs on them."""


_PROJECTS = Part("project", "")


@dataclass(frozen=True)
class Visibility:
    """The projects of a question that are in sight, and out of sight; the site can't tell of the others now."""

    visible_ids: Collection[str] = ()
    hidden_ids: Collection[str] = ()

    def untold_ids(self, projects: Collection[str]) -> set[str]:
        """The projects in neither."""
        return {*projects} - {*self.visible_ids} - {*self.hidden_ids}


def check_visibility(
    store: Store, source: Source, tenant_id: UUID, projects: Collection[str], *, deleted_ids: Collection[str] = ()
) -> Visibility:
    """Freeze projects out of sight and thaw visible ones.

    `deleted_ids` are reported deleted by Jira itself: they are buried. Where the site can't be asked for its projects,
    nothing changes, and the list of projects is set aside. Raises the JiraFailure of an outage.
    """
    asked_ids = sorted(set(projects))
    visible_ids = persist(lambda: source.visible_projects(asked_ids), source.diagnose)
    if not isinstance(visible_ids, set):
        with store.bound_to(tenant_id) as session:
            unreadable.set_aside(session, _PROJECTS, visible_ids)
        return Visibility()
    hidden_ids = [project_id for project_id in asked_ids if project_id not in visible_ids]
    with store.bound_to(tenant_id) as session:
        thaw(session, visible_ids)
        if gone_ids := [project_id for project_id in hidden_ids if project_id in deleted_ids]:
            records.bury(session, entity("project"), gone_ids, at=clock.now(), because="deleted")
        freeze(session, [project_id for project_id in hidden_ids if project_id not in deleted_ids])
    return Visibility(visible_ids, {*hidden_ids})


def freeze(session: Session, projects: Collection[str]) -> None:
    """Keep the stored rows of projects as they are from now on; a deleted project stays deleted."""
    project = table_of(entity("project"))
    query = select(project.c.id, project.c.key, project.c.deleted_at).where(project.c.id.in_(projects))
    stored_projects = {row.id: row for row in session.execute(query)} if projects else {}
    keys = {
        project_id: stored_projects[project_id].key if project_id in stored_projects else None
        for project_id in projects
        if project_id not in stored_projects or stored_projects[project_id].deleted_at is None
    }
    if not keys:
        return
    statement = insert(FROZEN_PROJECTS).values(
        [
            {
                "tenant_id": session.tenant_id,
                "project_id": project_id,
                "frozen_at": clock.now(),
                "reason": Condition(Code.PROJECT_OUT_OF_SIGHT, project=key or project_id),
            }
            for project_id, key in sorted(keys.items())
        ]
    )
    fresh = {"frozen_at": clock.now(), "thawed_at": None, "reason": statement.excluded.reason}
    is_thawed = FROZEN_PROJECTS.c.thawed_at.is_not(None)
    frozen_ids = session.execute(
        statement.on_conflict_do_update(
            index_elements=["tenant_id", "project_id"], set_=fresh, where=is_thawed
        ).returning(FROZEN_PROJECTS.c.project_id)
    ).scalars()
    for project_id in frozen_ids:
        log.warning("project frozen", tenant_id=str(session.tenant_id), project=project_id)


def thaw(session: Session, projects: Collection[str]) -> None:
    """Thaw the frozen ones of projects in sight: all of these are walked anew."""
    thawed_ids = session.execute(
        update(FROZEN_PROJECTS)
        .where(FROZEN_PROJECTS.c.project_id.in_(projects), FROZEN_PROJECTS.c.thawed_at.is_(None))
        .values(thawed_at=clock.now())
        .returning(FROZEN_PROJECTS.c.project_id)
    )
    project_ids = thawed_ids.scalars().all()
    walk_again(session, project_ids)
    for project_id in project_ids:
        log.info("project thawed", tenant_id=str(session.tenant_id), project=project_id)


def walk_again(session: Session, projects: Collection[str]) -> None:
    """Have all of these projects read again."""
    names = [project_entity.name for project_entity in walked(Each.PROJECT)]
    if projects and checkpoints.walk_again(session, names, projects):
        enqueue_worker_once(session)


def walk_issues_again(session: Session) -> bool:
    """Have the issues of all open projects read again, as far as they are planned. Returns whether any are."""
    project = table_of(entity("project"))
    is_open = is_live(entity("project")) & project.c.is_archived.is_not(True) & project.c.is_deleted.is_not(True)
    open_ids = set(session.execute(select(project.c.id).where(is_open)).scalars())
    is_planned = checkpoints.walk_again(session, ("issue",), sorted(open_ids - frozen(session).keys())) > 0
    if is_planned:
        enqueue_worker_once(session)
    return is_planned


def frozen(session: Session) -> dict[str, Condition]:
    """The frozen projects of the bound tenant, by id."""
    query = select(FROZEN_PROJECTS.c.project_id, FROZEN_PROJECTS.c.reason).where(FROZEN_PROJECTS.c.thawed_at.is_(None))
    return {row.project_id: row.reason for row in session.execute(query)}


def known_projects(session: Session) -> list[str]:
    """Every project with stored or planned issues, frozen ones included."""
    planned_ids = select(CHUNKS.c.scope_id).where(CHUNKS.c.entity == "issue")
    project = table_of(entity("project"))
    return sorted(session.execute(planned_ids.union(select(project.c.id).where(is_live(entity("project"))))).scalars())


def bury_closed(store: Store, tenant_id: UUID) -> int:
    """Bury the issues of projects that are archived, in the trash or deleted, in batches. Returns how many."""
    total = 0
    while True:
        with store.bound_to(tenant_id) as session:
            closed_projects = _closed(session)
            batch_size = sum(_bury_some(session, ids, because) for because, ids in closed_projects.items())
        total += batch_size
        if not batch_size:
            return total


def _closed(session: Session) -> dict[str, list[str]]:
    """Closed projects by the fate of their issues."""
    project = table_of(entity("project"))
    rows = session.execute(
        select(project.c.id, project.c.is_archived, project.c.deleted_at).where(
            project.c.is_archived | project.c.is_deleted | project.c.deleted_at.is_not(None)
        )
    ).all()
    frozen_ids = frozen(session)
    archived_ids = [row.id for row in rows if row.is_archived and row.deleted_at is None and row.id not in frozen_ids]
    deleted_ids = [row.id for row in rows if row.id not in archived_ids and row.id not in frozen_ids]
    return {"archived": archived_ids, "deleted": deleted_ids}


def _bury_some(session: Session, projects: list[str], because: str) -> int:
    if not projects:
        return 0
    issue = table_of(entity("issue"))
    is_live = (issue.c.project_id.in_(projects), issue.c.deleted_at.is_(None))
    issue_ids = session.execute(select(issue.c.id).where(*is_live).limit(_BATCH)).scalars().all()
    evidence = Condition(Code.PROJECT_ARCHIVED if because == "archived" else Code.PROJECT_DELETED)
    return absences.bury(session, issue_ids, because, evidence=evidence) if issue_ids else 0
