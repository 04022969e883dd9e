"""Jobs of the ingest: backfill, verification and the rereading of deliveries."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from app import clock, jobs
from app.conditions import Code, Condition
from app.errors import JiraBusy
from app.ingest import proof
from app.ingest.backfill import FULL_SLICE, BackfillWorker, thread_count, walk_limit
from app.ingest.live import DRAIN_SLICE, Drain
from app.ingest.planning import begin_backfill, resume_work, tenant_schedule
from app.ingest.proof import CountCache
from app.jira.limits import Purpose
from workers.job import job

if TYPE_CHECKING:
    from app.runtime import Runtime


@job
def plan(runtime: Runtime, tenant_id: str) -> Condition | None:
    """Plan the whole site and enqueue its workers."""
    tenant = UUID(tenant_id)
    with runtime.store.bound_to(tenant) as session:
        is_planned = begin_backfill(session, site_concurrency=runtime.settings.site_concurrency)
    return Condition(Code.SITE_PLANNED) if is_planned else None


@job
def catch_up(runtime: Runtime, tenant_id: str) -> Condition | None:
    """Resume after a pause, a disabled app or a broken credential."""
    tenant = UUID(tenant_id)
    with runtime.store.bound_to(tenant) as session:
        has_begun = resume_work(session)
    return Condition(Code.WORK_RESUMED) if has_begun else None


@job
def backfill(runtime: Runtime, tenant_id: str) -> Condition | None:
    """Work for the tenant for one time slice."""
    worker = BackfillWorker(
        runtime.store,
        runtime.sites,
        UUID(tenant_id),
        walk_limit(runtime.settings.site_concurrency),
        thread_count(runtime.settings),
        jobs.QueueView(runtime.redis),
        runtime.page_sizer,
    )
    outcome = worker.work(until=clock.now() + FULL_SLICE)
    return Condition(_SUMMARIES[outcome], parts=worker.walked_chunks) if worker.walked_chunks else None


_SHORT_WAIT = timedelta(seconds=10)
"""Shorter waits are scheduled here; longer ones are left to the sweep."""
_SUMMARIES = {"again": Code.WALKED_MORE_DUE, "later": Code.WALKED_REST_LATER, "done": Code.WALKED_ALL}


@job
def verify(runtime: Runtime, tenant_id: str) -> Condition | None:
    """Compare the stored rows with the site's own counts."""
    tenant = UUID(tenant_id)
    with runtime.store.bound_to(tenant) as session:
        tenant_schedule.begin(session, jobs.VERIFY.name)
    count_cache = CountCache(runtime.redis, tenant)
    try:
        findings = proof.verify(runtime.store, runtime.sites.open(tenant, Purpose.REPAIR), tenant, count_cache)
    except JiraBusy as busy:
        if busy.retry_at - clock.now() < _SHORT_WAIT:
            # Its counts are cached, so it resumes where it stopped. After longer waits the sweep brings it back.
            until = clock.whole_second(busy.retry_at)
            name = f"{tenant_id}-again-{until.timestamp():.0f}"
            jobs.park(runtime.redis, jobs.VERIFY, tenant_id, until=until, once_as=name)
        raise
    differences = [finding for finding in findings if not finding.is_complete]
    return Condition(Code.COMPARED, counts=len(findings), differing=len(differences)) if findings else None


@job
def webhooks(runtime: Runtime, tenant_id: str) -> Condition | None:
    """Read the objects of waiting deliveries again."""
    return _drain(runtime, tenant_id, is_ours=False)


@job
def reread(runtime: Runtime, tenant_id: str) -> Condition | None:
    """Read the differences found by polls and sweeps again."""
    return _drain(runtime, tenant_id, is_ours=True)


def _drain(runtime: Runtime, tenant_id: str, *, is_ours: bool) -> Condition | None:
    tenant, until = UUID(tenant_id), clock.now() + DRAIN_SLICE
    source = runtime.sites.open(tenant, Purpose.POLL if is_ours else Purpose.READ_THROUGH)
    drain = Drain(runtime.store, source, tenant, is_ours=is_ours, queue_view=jobs.QueueView(runtime.redis))
    delivery_count = drain.run(until=until)
    if clock.now() >= until:
        next_job = jobs.REREAD if is_ours else jobs.WEBHOOKS
        jobs.enqueue(runtime.redis, next_job, tenant_id)
    return Condition(Code.REREAD, deliveries=delivery_count) if delivery_count else None
