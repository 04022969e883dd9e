"""Jobs that keep the house: find work that lost its job, forget what has run out, erase what must go."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from app import jobs, logs
from app.errors import Missing
from app.ingest.backfill import worker_count
from app.ingest.planning import enqueue_workers, tenant_schedule
from app.ingest.proof import derive_state, lost_jobs
from app.integrations import ledger
from app.privacy import erase as erasing
from app.tenants import replay_guard
from workers.job import job

if TYPE_CHECKING:
    from app.runtime import Runtime

log = logs.get(__name__)


@job
def sweep(runtime: Runtime) -> None:
    """Give every tenant with due work its jobs back: Redis may have lost them, workers may have died."""
    with runtime.store.unrestricted_unsafe() as session:
        due = lost_jobs.find_due(session)
        replay_guard.forget_expired(session)
        lost_jobs.promise_erasure(session)
        lost_jobs.tidy(session)
        for integration_id in lost_jobs.find_deleting(session):
            session.enqueue(jobs.ERASE, str(integration_id), once_as=str(integration_id))
        for tenant_id in lost_jobs.find_purgeable(session):
            session.enqueue(jobs.PURGE, str(tenant_id), once_as=str(tenant_id))
        late = lost_jobs.find_late(session)
    for tenant_id in late:
        with runtime.store.bound_to(tenant_id) as session:
            derive_state(session)
    waiting = jobs.QueueView(runtime.redis).waiting_workers()
    for work in due:
        with runtime.store.bound_to(work.tenant_id) as session:
            if work.chunks:
                wanted = min(work.chunks, worker_count(runtime.settings))
                enqueue_workers(session, max(0, wanted - waiting[work.tenant_id]))
            if work.deliveries:
                session.enqueue(jobs.WEBHOOKS, str(work.tenant_id), once_as=f"{work.tenant_id}-sweep")
            if work.rereads:
                session.enqueue(jobs.REREAD, str(work.tenant_id), once_as=f"{work.tenant_id}-sweep")
            if work.is_unverified:
                session.enqueue(jobs.VERIFY, str(work.tenant_id), once_as=f"{work.tenant_id}-sweep")
            if work.is_unplanned:
                session.enqueue(jobs.PLAN, str(work.tenant_id), once_as=f"{work.tenant_id}-sweep")
    log.info("sweep", tenants=len(due))


@job
def round_of_duties(runtime: Runtime) -> None:
    """Ask for what is due by the clock, for every tenant."""
    with runtime.store.unrestricted_unsafe() as session:
        tenant_schedule.reconcile(session)
        asked = tenant_schedule.ask(session)
    if asked:
        log.info("round", duties=len(asked))


@job
def erase(runtime: Runtime, integration_id: str) -> None:
    """Erase a deleted integration and the data that was kept for it."""
    known = UUID(integration_id)
    try:
        with runtime.store.unrestricted_unsafe() as session:
            tenant_id = ledger.get(session, known).tenant_id
    except Missing:
        # The sweep asks for it as long as it is there: one that was asked for twice finds nothing.
        return
    if tenant_id is not None:
        erasing.erase_tenant_data(runtime.store, tenant_id)
    with runtime.store.unrestricted_unsafe() as session:
        erasing.drop_integration(session, known)


@job
def purge(runtime: Runtime, tenant_id: str) -> str:
    """Erase what was kept of a site whose grace period is over; the install record of one that left goes too."""
    known = UUID(tenant_id)
    erasing.erase_tenant_data(runtime.store, known, is_purge=True)
    with runtime.store.unrestricted_unsafe() as session:
        erasing.drop_purged_tenant(session, known)
    return "erased"
