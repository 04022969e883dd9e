"""Jobs that bring Jira's data in."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from app import clock, jobs
from app.ingest import backfill as filling
from app.ingest import completeness
from app.ingest import plan as planning
from app.ingest.webhook import Drain
from workers.job import job

if TYPE_CHECKING:
    from app.runtime import Runtime


@job
def plan(runtime: Runtime, tenant_id: str) -> None:
    """Plan the whole site and start its hands."""
    tenant = UUID(tenant_id)
    with runtime.store.bound_to(tenant) as session:
        planning.begin(session, tenant, site_concurrency=runtime.settings.site_concurrency)


@job
def backfill(runtime: Runtime, tenant_id: str) -> str:
    """Lend the tenant a hand for one slice."""
    walks, workers = filling.walks_of(runtime.settings.site_concurrency), runtime.settings.worker_concurrency
    # The workers of this machine share the site's chunks; a few threads each even where there are many.
    crew_size = min(walks, max(4, -(-walks // workers)))
    hand = filling.Hand(runtime.store, runtime.sites, UUID(tenant_id), walks, crew_size)
    return hand.work(until=clock.now() + filling.SLICE)


@job
def verify(runtime: Runtime, tenant_id: str) -> None:
    """Compare what is stored with what the site says it has."""
    tenant = UUID(tenant_id)
    completeness.verify(runtime.store, runtime.sites.open(tenant), tenant)


@job
def webhooks(runtime: Runtime, tenant_id: str) -> None:
    """Read again what waiting deliveries name, one batch; queue for the next."""
    tenant = UUID(tenant_id)
    if Drain(runtime.store, runtime.sites.open(tenant), tenant).once():
        jobs.enqueue(runtime.redis, jobs.WEBHOOKS, tenant_id)
