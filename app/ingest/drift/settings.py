"""Settings of the integration, applied to the stored rows: after each change of them, and daily.

`tenants.applied_settings` are those that all rows follow, so a lost job or a killed worker loses nothing: the difference
stays. Each kind of difference costs only its own work: columns are computed from stored fields, issues are read again where
a value isn't stored, rows leave and come by the selection. Excluded texts are removed by `writing.exclusions`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from app import clock, logs
from app.catalog.registry import entity
from app.catalog.site_mapping import map_fields
from app.conditions import Code, Condition
from app.ingest.drift import selection, stored_issues
from app.ingest.planning import applied, exclusions, field_policy, inbox, tenant_schedule
from app.ingest.writing import project_access, remapping, unreadable
from app.integrations import ledger
from app.integrations.model import State
from app.integrations.settings import IntegrationSettings
from app.jobs import SETTINGS, VERIFY
from app.sources.outcomes import attempt
from app.store import cursors
from app.store.tables import is_live, table_of

if TYPE_CHECKING:
    from uuid import UUID

    from app.catalog.field_policy import FieldPolicy
    from app.ingest.drift.selection import Selected
    from app.ingest.planning.applied import FieldWork
    from app.integrations.model import Integration
    from app.sources import Source
    from app.store.cursors import Cursor
    from app.store.session import Session, Store

log = logs.get(__name__)

_LEASE = timedelta(seconds=20)
"""Life of the cursor's lease: the next worker waits for that after one was killed; two at once do no harm."""
_AFTER_BACKFILL = timedelta(minutes=2)
"""Pause before the selection is compared again while a backfill is under way."""


def apply_settings(store: Store, source: Source, tenant_id: UUID) -> Condition | None:
    """Bring the stored rows in line with the settings. Returns a summary; raises a JiraFailure.

    One worker of a tenant does this at a time. During a backfill, ids are left alone: its own pages follow the selection,
    and the rest is compared after it.
    """
    with store.bound_to(tenant_id) as session:
        integration = ledger.of_tenant(session)
        if integration is None or not integration.is_served:
            return None
        cursor = cursors.take(session, "settings", lease_for=_LEASE)
        if cursor is None:
            return None
        integration = _with_project_ids(session, integration)
        before = applied.load(session)
    try:
        return _apply(store, source, cursor, integration, before)
    except cursors.CursorLost:
        log.info("another worker applies the settings", tenant_id=str(tenant_id))
        return None
    finally:
        with store.bound_to(tenant_id) as session:
            cursors.give_back(session, cursor)


def _apply(
    store: Store, source: Source, cursor: Cursor, integration: Integration, applied_settings: IntegrationSettings | None
) -> Condition | None:
    settings = IntegrationSettings.model_validate(integration.settings)
    before = applied_settings or settings
    tenant_id = _tenant_of(integration)
    with store.bound_to(tenant_id) as session:
        policy = stored_issues.policy_of(session)
        work = applied.field_work(before, settings, field_policy.site_fields(session))
    reread_count = _apply_fields(store, source, tenant_id, policy, work, before)
    with store.bound_to(tenant_id) as session:
        applied.note(session, applied.with_fields_of(before, settings))
    outcome = selection.apply_projects(store, tenant_id, policy)
    is_changed = settings.queries_otherwise(before)
    if integration.state is State.BACKFILLING:
        with store.bound_to(tenant_id) as session:
            if is_changed:
                tenant_schedule.hasten(session, SETTINGS.name, at=clock.now() + _AFTER_BACKFILL)
        return None
    if is_changed or policy.selection.has_query:
        comparison = _compare(store, source, cursor, tenant_id, policy, is_changed=is_changed)
        outcome = outcome._replace(left=outcome.left + comparison.left, reread=comparison.reread)
    with store.bound_to(tenant_id) as session:
        cursors.move(session, cursor, ended_at=clock.now())
        applied.note_as_stored(session, integration.settings)
        if any(outcome) or reread_count:
            tenant_schedule.hasten(session, VERIFY.name)
    figures = {"left": outcome.left, "planned": outcome.planned, "reread": outcome.reread + reread_count}
    log.info("settings", tenant_id=str(tenant_id), **figures)
    return Condition(Code.SETTINGS_APPLIED, **figures)


def _tenant_of(integration: Integration) -> UUID:
    if integration.tenant_id is None:
        raise LookupError("a served integration has a tenant")
    return integration.tenant_id


def _compare(
    store: Store, source: Source, cursor: Cursor, tenant_id: UUID, policy: FieldPolicy, *, is_changed: bool
) -> Selected:
    def renew() -> None:
        with store.bound_to(tenant_id) as session:
            cursors.move(session, cursor, lease_for=_LEASE)

    if is_changed:
        # A query that Jira refuses makes issues unreadable; the new one is tried at once.
        with store.bound_to(tenant_id) as session:
            unreadable.make_due(session)
    return selection.compare_issues(store, source, tenant_id, policy, renew=renew)


def _apply_fields(
    store: Store, source: Source, tenant_id: UUID, policy: FieldPolicy, work: FieldWork, before: IntegrationSettings
) -> int:
    """Do the work of changed fields. Returns the number of issues to read again. Raises a JiraFailure."""
    if work.is_nothing:
        return 0
    with store.bound_to(tenant_id) as session:
        former_mapping = map_fields(field_policy.site_fields(session), before.mapping(), before.excluded_fields)
    former_fields = {field for meaning in work.meanings for field in former_mapping[meaning].fields}
    reread_ids: set[str] = set()
    if work.meanings:
        reread_ids |= remapping.remap(store, tenant_id, policy, work.meanings, former_fields)
    if work.is_narrower:
        remapping.keep_custom_fields(store, tenant_id, policy.custom)
    holders = holders_of(store, source, tenant_id, policy, work.holding) if work.holding else set()
    is_whole = work.is_whole or holders is None
    with store.bound_to(tenant_id) as session:
        exclusions.enforce(session, is_again=True)
        if is_whole:
            project_access.walk_issues_again(session)
            return 0
        return inbox.ask(session, sorted(reread_ids | (holders or set())), origin=inbox.SWEEP)


def holders_of(
    store: Store, source: Source, tenant_id: UUID, policy: FieldPolicy, field_ids: tuple[str, ...]
) -> set[str] | None:
    """The stored issues with a value in one of some custom fields; None where Jira can't search one of them."""
    holders_policy = replace(policy, selection=replace(policy.selection, holding=field_ids))
    issue_ids: set[str] = set()
    for scope in selection.walked_projects(store, tenant_id, policy):
        project = replace(scope, policy=holders_policy)
        pages = attempt(lambda project=project: [*source.ids(project)], names_object=False)  # type: ignore[misc]  # mypy sees a parameter
        if not isinstance(pages, list):
            return None
        issue_ids |= {issue_id for page in pages for issue_id in page.issues}
    return issue_ids


def _with_project_ids(session: Session, integration: Integration) -> Integration:
    """Keep ids in place of projects' keys in the settings: a key may change, and then name another project."""
    settings = IntegrationSettings.model_validate(integration.settings)
    project = table_of(entity("project"))
    query = select(project.c.key, project.c.id).where(is_live(entity("project")), project.c.key.in_(settings.projects))
    id_by_key = {row.key: row.id for row in session.execute(query)} if settings.projects else {}
    if not id_by_key:
        return integration
    projects = [*dict.fromkeys(id_by_key.get(name, name) for name in settings.projects)]
    changed_settings = settings.model_copy(update={"projects": projects}).model_dump(mode="json")
    return ledger.change(session, integration.id, {"settings": changed_settings})
