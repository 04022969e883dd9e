"""The selection of the settings, applied to the stored rows: after each change of it, and daily.

Rows of projects that aren't selected leave, selected projects without a walk get one, and the ids of the others are
compared. A query may depend on the time of day or on another person's filter, so it is compared without a change too.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from app import clock, logs
from app.catalog.language import Each
from app.catalog.registry import entity, walked
from app.catalog.selection import condition_of
from app.conditions import Code, Condition
from app.ingest.drift import id_sweeps, stored_issues
from app.ingest.planning import plan, tenant_schedule
from app.ingest.writing import absences, unreadable
from app.integrations import ledger
from app.integrations.model import State
from app.integrations.settings import IntegrationSettings
from app.jobs import VERIFY
from app.sources import Scope
from app.store import checkpoints, cursors, records
from app.store.schema import CHUNKS, COMPLETENESS
from app.store.tables import is_live, table_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID

    from app.catalog.field_policy import FieldPolicy
    from app.catalog.selection import Selection
    from app.integrations.model import Integration
    from app.sources import Source
    from app.store.cursors import Cursor
    from app.store.session import Session, Store

log = logs.get(__name__)

_LEASE = timedelta(minutes=15)
"""Life of the cursor's lease: the job's own timeout."""
_BATCH = 500
"""Issues that are buried in one transaction, with all that hangs on them."""


def apply_selection(store: Store, source: Source, tenant_id: UUID) -> Condition | None:
    """Bring the stored rows in line with the selection. Returns a summary; raises a JiraFailure.

    During a backfill, ids are left alone: its own pages follow the selection, and the rest is compared after it. One
    worker of a tenant does this at a time.
    """
    with store.bound_to(tenant_id) as session:
        integration = ledger.of_tenant(session)
        cursor = cursors.take(session, "selection", lease_for=_LEASE) if integration and integration.is_served else None
        if integration is None or cursor is None:
            return None
        _keep_project_ids(session, integration)
    try:
        return _apply(store, source, cursor, integration)
    finally:
        with store.bound_to(tenant_id) as session:
            cursors.give_back(session, cursor)


def _apply(store: Store, source: Source, cursor: Cursor, integration: Integration) -> Condition | None:
    tenant_id = integration.tenant_id
    if tenant_id is None:
        raise LookupError("a served integration has a tenant")
    with store.bound_to(tenant_id) as session:
        policy = stored_issues.policy_of(session)
        planned_count = _plan_selected(session, policy)
    left_count, reread_count = _leave_projects(store, tenant_id, policy), 0
    if integration.state is State.BACKFILLING:
        return None
    digest = _digest(policy.selection)
    is_changed = cursor.page_token not in {None, digest}
    if is_changed:
        # A query that Jira refuses makes issues unreadable; the new one is tried at once.
        with store.bound_to(tenant_id) as session:
            unreadable.make_due(session)
    for scope in _projects_to_compare(store, tenant_id, policy, is_changed=is_changed):
        sweep = id_sweeps.sweep_range(store, source, tenant_id, scope)
        if sweep is not None:
            left_count += sweep.figures.left
            reread_count += sweep.figures.asked
        with store.bound_to(tenant_id) as session:
            cursors.move(session, cursor, lease_for=_LEASE)
    with store.bound_to(tenant_id) as session:
        cursors.move(session, cursor, page_token=digest, ended_at=clock.now())
        if left_count or planned_count or reread_count:
            tenant_schedule.hasten(session, VERIFY.name)
    log.info("selection", tenant_id=str(tenant_id), left=left_count, planned=planned_count, reread=reread_count)
    return Condition(Code.SELECTION_APPLIED, left=left_count, planned=planned_count, reread=reread_count)


def _digest(selection: Selection) -> str:
    """A text that is equal for equal queries."""
    query = f"{condition_of(selection.jql)} {selection.updated_from}"
    return hashlib.sha256(query.encode()).hexdigest()


def _keep_project_ids(session: Session, integration: Integration) -> None:
    """Replace the keys of selected projects in the settings by ids: a key may change, and then name another project."""
    settings = IntegrationSettings.model_validate(integration.settings)
    project = table_of(entity("project"))
    query = select(project.c.key, project.c.id).where(is_live(entity("project")), project.c.key.in_(settings.projects))
    id_by_key = {row.key: row.id for row in session.execute(query)} if settings.projects else {}
    if not id_by_key:
        return
    projects = [*dict.fromkeys(id_by_key.get(name, name) for name in settings.projects)]
    changed_settings = settings.model_copy(update={"projects": projects})
    ledger.change(session, integration.id, {"settings": changed_settings.model_dump(mode="json")})


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


def _projects_to_compare(store: Store, tenant_id: UUID, policy: FieldPolicy, *, is_changed: bool) -> list[Scope]:
    """The selected projects that were walked to the end, if a query selects among their issues or has just done so."""
    if not (policy.selection.has_query or is_changed):
        return []
    with store.bound_to(tenant_id) as session:
        unfinished = select(CHUNKS.c.scope_id).where(CHUNKS.c.entity == "issue", CHUNKS.c.state != "done")
        unfinished_ids = set(session.execute(unfinished).scalars())
        projects = stored_issues.open_projects(session, policy.selection)
        return [Scope(project_id, policy=policy) for project_id in projects if project_id not in unfinished_ids]


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
            absences.bury(session, issue_ids, absences.OUT_OF_SCOPE, evidence=Condition(Code.OUT_OF_SCOPE))
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
        records.bury(session, entity(name), row_ids, at=clock.now(), because=absences.OUT_OF_SCOPE)
