"""Jobs are hints: repeated and late ones do no harm."""

from __future__ import annotations

import inspect
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from app import clock, jobs
from app.conditions import Code
from app.errors import JiraBusy, Missing
from app.ingest import proof
from app.ingest.backfill import worker
from app.ingest.planning import plan
from app.integrations import ledger
from app.integrations.model import State
from tests.factories import a_paired_site, an_account, an_integration
from workers import ingest, upkeep

if TYPE_CHECKING:
    from app.runtime import Runtime

ERASE = inspect.getclosurevars(upkeep.erase).nonlocals["work"]
VERIFY = inspect.getclosurevars(ingest.verify).nonlocals["work"]
SWEEP = inspect.getclosurevars(upkeep.sweep).nonlocals["work"]
"""The jobs without the wrapper that passes the worker's runtime."""


@pytest.mark.parametrize("is_paired", [True, False])
def test_an_erasure_that_comes_twice_finds_nothing_left_to_do(parts: Runtime, is_paired: bool) -> None:
    integration = a_paired_site(parts)[1] if is_paired else an_integration(parts, an_account(parts)[0])
    with parts.store.unrestricted_unsafe() as session:
        ledger.move_to(session, integration.id, State.DELETING)
    for _ in range(2):
        ERASE(parts, str(integration.id))
    with pytest.raises(Missing), parts.store.unrestricted_unsafe() as session:
        ledger.get(session, integration.id)


def test_the_sweep_lends_no_more_hands_than_can_do_something(parts: Runtime) -> None:
    tenant_id, queue_view = a_paired_site(parts)[0].tenant_id, jobs.QueueView(parts.redis)
    with parts.store.bound_to(tenant_id) as session:
        plan.begin_backfill(session, site_concurrency=0)
    for lent_count in (0, 1):
        for _ in range(lent_count):
            jobs.enqueue(parts.redis, jobs.BACKFILL, str(tenant_id))
        for _ in range(3):
            SWEEP(parts)
            assert queue_view.waiting(tenant_id) == worker.worker_count(parts.settings) + lent_count


@pytest.mark.parametrize(("seconds", "parked_count"), [(2.0, 1), (30.0, 0)])
def test_a_verification_that_is_held_back_for_a_moment_goes_on_then(
    parts: Runtime, monkeypatch: pytest.MonkeyPatch, seconds: float, parked_count: int
) -> None:
    """Longer waits are left to the sweep: a job that is enqueued every ten seconds must not be parked each time."""
    tenant_id = a_paired_site(parts)[0].tenant_id
    retry_at = clock.now() + timedelta(seconds=seconds)

    def held_back(*_args: object) -> None:
        raise JiraBusy(Code.SITE_BUSY, retry_at=retry_at)

    monkeypatch.setattr(proof, "verify", held_back)
    for _ in range(2):
        with pytest.raises(JiraBusy):
            VERIFY(parts, str(tenant_id))
    registry = jobs.queue(parts.redis, jobs.VERIFY.lane).scheduled_job_registry
    job_ids = [job_id for job_id in registry.get_job_ids() if str(tenant_id) in job_id]
    assert len(job_ids) == parked_count
    assert all(retry_at <= registry.get_scheduled_time(job_id) <= retry_at + timedelta(seconds=1) for job_id in job_ids)
