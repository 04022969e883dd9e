"""Upkeep jobs: recovery of lost jobs, expiry, erasure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from app import clock, jobs, logs, people
from app.conditions import Code, Condition
from app.errors import Missing
from app.ingest.backfill import worker_count
from app.ingest.planning import applied, enqueue_workers, exclusions, tenant_schedule
from app.ingest.proof import derive_state, lost_jobs
from app.ingest.writing import remove_excluded
from app.integrations import ledger
from app.privacy import erase as erasure
from app.tenants import direct, replay_guard
from workers.job import job

if TYPE_CHECKING:
    from app.runtime import Runtime
    from app.store.session import Session

log = logs.get(__name__)


@job
def sweep(runtime: Runtime) -> None:
    """Enqueue jobs again for every tenant with due work: Redis may have lost them, workers may have died."""
    with runtime.store.unrestricted_unsafe() as session:
        due = lost_jobs.find_due(session)
        replay_guard.forget_expired(session)
        lost_jobs.promise_erasure(session)
        lost_jobs.tidy(session)
        people.forget_old(session)
        _enqueue_removals(session)
        _enqueue_settings(session)
        late = lost_jobs.find_late(session)
    for tenant_id in late:
        with runtime.store.bound_to(tenant_id) as session:
            derive_state(session)
    queued_workers = jobs.QueueView(runtime.redis).waiting_workers()
    for work in due:
        with runtime.store.bound_to(work.tenant_id) as session:
            if work.chunks:
                target = min(work.chunks, worker_count(runtime.settings))
                enqueue_workers(session, max(0, target - queued_workers[work.tenant_id]))
            if work.deliveries:
                session.enqueue(jobs.WEBHOOKS, str(work.tenant_id), once_as=f"{work.tenant_id}-sweep")
            if work.rereads:
                session.enqueue(jobs.REREAD, str(work.tenant_id), once_as=f"{work.tenant_id}-sweep")
            if work.is_unverified:
                session.enqueue(jobs.VERIFY, str(work.tenant_id), once_as=f"{work.tenant_id}-sweep")
            if work.is_unplanned:
                session.enqueue(jobs.PLAN, str(work.tenant_id), once_as=f"{work.tenant_id}-sweep")
    log.info("sweep", tenants=len(due))


def _enqueue_removals(session: Session) -> None:
    """Enqueue removals of data: of deleted integrations, past its grace period, of excluded fields."""
    for integration_id in lost_jobs.find_deleting(session):
        session.enqueue(jobs.ERASE, str(integration_id), once_as=str(integration_id))
    for tenant_id in lost_jobs.find_purgeable(session):
        session.enqueue(jobs.PURGE, str(tenant_id), once_as=str(tenant_id))
    for tenant_id in exclusions.find_unenforced(session):
        session.enqueue(jobs.EXCLUDE, str(tenant_id), once_as=f"{tenant_id}-sweep")


def _enqueue_settings(session: Session) -> None:
    """Enqueue changed settings that a lost job or a killed worker left behind."""
    # A killed job keeps its name for a while: each half minute has another one.
    turn = int(clock.now().timestamp() // 30)
    for tenant_id in applied.find_unapplied(session):
        session.enqueue(jobs.SETTINGS, str(tenant_id), once_as=f"{tenant_id}-{turn}")


@job
def round_of_duties(runtime: Runtime) -> None:
    """Enqueue the due periodic jobs of every tenant."""
    with runtime.store.unrestricted_unsafe() as session:
        tenant_schedule.reconcile(session)
        requests = tenant_schedule.ask(session)
    if requests:
        log.info("round", duties=len(requests))


@job
def erase(runtime: Runtime, integration_id: str) -> None:
    """Erase a deleted integration and its data."""
    integration_uuid = UUID(integration_id)
    try:
        with runtime.store.unrestricted_unsafe() as session:
            tenant_id = ledger.get(session, integration_uuid).tenant_id
    except Missing:
        # The sweep enqueues this job while the integration exists, so a second run may find nothing.
        return
    if tenant_id is not None:
        with runtime.store.bound_to(tenant_id) as session:
            direct.drop_token(session, rows_stay=True)
        erasure.erase_tenant_data(runtime.store, tenant_id)
    with runtime.store.unrestricted_unsafe() as session:
        erasure.drop_integration(session, integration_uuid)
        if tenant_id is not None:
            erasure.drop_tenant_without_app(session, tenant_id)


@job
def exclude(runtime: Runtime, tenant_id: str) -> Condition | None:
    """Remove the text of excluded fields from a tenant's rows."""
    row_count = remove_excluded(runtime.store, UUID(tenant_id))
    return Condition(Code.TEXTS_REMOVED, rows=row_count) if row_count else None


@job
def purge(runtime: Runtime, tenant_id: str) -> Condition:
    """Erase a site's data after its grace period, and the install record of an uninstalled site."""
    tenant = UUID(tenant_id)
    erasure.erase_tenant_data(runtime.store, tenant, is_purge=True)
    with runtime.store.unrestricted_unsafe() as session:
        erasure.drop_purged_tenant(session, tenant)
    return Condition(Code.ERASED)
