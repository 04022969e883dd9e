"""The selection of the settings, applied to the stored rows.

Rows of projects that aren't selected leave, selected projects without a walk get one, and the ids of the others are
compared. A query may depend on the time of day or on another person's filter, so it is compared without a change too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, select

from app import clock
from app.catalog.language import Each
from app.catalog.registry import entity, walked
from app.ingest.drift import id_sweeps, stored_issues
from app.ingest.planning import plan
from app.ingest.writing import absences
from app.sources import Scope
from app.store import checkpoints, records
from app.store.schema import CHUNKS, COMPLETENESS
from app.store.tables import OUT_OF_SCOPE, is_live, table_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from uuid import UUID

    from app.catalog.field_policy import FieldPolicy
    from app.sources import Source
    from app.store.session import Session, Store

_BATCH = 500
"""Issues that are buried in one transaction, with all that hangs on them."""


class Selected(NamedTuple):
    """Figures of an application."""

    left: int = 0
    planned: int = 0
    """Projects that get their first walk."""
    reread: int = 0


def apply_projects(store: Store, tenant_id: UUID, policy: FieldPolicy) -> Selected:
    """Bury the rows of projects that aren't selected, and plan the selected ones. Asks nothing of Jira."""
    with store.bound_to(tenant_id) as session:
        planned_count = _plan_selected(session, policy)
    return Selected(left=_leave_projects(store, tenant_id, policy), planned=planned_count)


def compare_issues(
    store: Store, source: Source, tenant_id: UUID, policy: FieldPolicy, *, renew: Callable[[], None]
) -> Selected:
    """Compare the ids of the selected projects that were walked to the end; `renew` after each. Raises a JiraFailure."""
    left_count = reread_count = 0
    for scope in walked_projects(store, tenant_id, policy):
        sweep = id_sweeps.sweep_range(store, source, tenant_id, scope)
        if sweep is not None:
            left_count += sweep.figures.left
            reread_count += sweep.figures.asked
        renew()
    return Selected(left=left_count, reread=reread_count)


def walked_projects(store: Store, tenant_id: UUID, policy: FieldPolicy) -> list[Scope]:
    """The selected projects with issues walked to the end; a walk under way follows the settings by itself."""
    with store.bound_to(tenant_id) as session:
        unfinished = select(CHUNKS.c.scope_id).where(CHUNKS.c.entity == "issue", CHUNKS.c.state != "done")
        unfinished_ids = set(session.execute(unfinished).scalars())
        projects = stored_issues.open_projects(session, policy.selection)
        return [Scope(project_id, policy=policy) for project_id in projects if project_id not in unfinished_ids]


def _plan_selected(session: Session, policy: FieldPolicy) -> int:
    """Plan the walks of selected projects that have none. Returns their number."""
    planned_ids = set(session.execute(select(CHUNKS.c.scope_id).where(CHUNKS.c.entity == "issue")).scalars())
    new_ids = [
        project_id
        for project_id in stored_issues.open_projects(session, policy.selection)
        if project_id not in planned_ids
    ]
    if new_ids:
        checkpoints.plan(session, [chunk for project_id in new_ids for chunk in plan.of_project(project_id)])
        plan.enqueue_worker_once(session)
    return len(new_ids)


def _leave_projects(store: Store, tenant_id: UUID, policy: FieldPolicy) -> int:
    """Bury the rows of projects that aren't selected, and take their walks off the plan. Returns the number of issues."""
    if not policy.selection.projects:
        return 0
    with store.bound_to(tenant_id) as session:
        selected_ids = _selected_ids(session, policy)
        _forget_walks(session, selected_ids)
        for listed_entity in walked(Each.PROJECT):
            if listed_entity.walk is not None and listed_entity.walk.scope_column:
                _bury_lists(session, listed_entity.name, listed_entity.walk.scope_column, selected_ids)
    left_count = 0
    while True:
        with store.bound_to(tenant_id) as session:
            issue = table_of(entity("issue"))
            is_outside = issue.c.project_id.not_in(selected_ids)
            query = select(issue.c.id).where(is_outside, is_live(entity("issue"))).limit(_BATCH)
            issue_ids = session.execute(query).scalars().all()
            absences.bury_outside(session, issue_ids)
        if not issue_ids:
            return left_count
        left_count += len(issue_ids)


def _selected_ids(session: Session, policy: FieldPolicy) -> list[str]:
    project = table_of(entity("project"))
    rows = session.execute(select(project.c.id, project.c.key).where(project.c.deleted_at.is_(None)))
    selected_ids = {row.id for row in rows if policy.selection.takes_project(row.id, row.key)}
    return sorted(selected_ids | policy.selection.projects)


def _forget_walks(session: Session, selected_ids: Collection[str]) -> None:
    """Take walks of other projects off the plan, with their counts; their workers lose the lease."""
    names = [listed_entity.name for listed_entity in walked(Each.PROJECT)]
    names += [listed_entity.name for listed_entity in walked(Each.STORED)]
    for table in (CHUNKS, COMPLETENESS):
        is_meant = table.c.entity.in_(names) & table.c.scope_id.not_in(selected_ids) & (table.c.scope_id != "")
        session.execute(delete(table).where(is_meant))


def _bury_lists(session: Session, name: str, column: str, selected_ids: Collection[str]) -> None:
    """Bury the rows of a list of projects that aren't selected."""
    table = table_of(entity(name))
    query = select(table.c.id).where(table.c[column].not_in(selected_ids), is_live(entity(name)))
    row_ids = session.execute(query).scalars().all()
    if row_ids and name != "issue":
        records.bury(session, entity(name), row_ids, at=clock.now(), because=OUT_OF_SCOPE)
