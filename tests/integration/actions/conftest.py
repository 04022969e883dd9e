"""Premises of the actions: a paired integration and its account's key, and a look at schedule and queues."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from app import clock, jobs
from app.ingest.planning import tenant_schedule
from app.integrations import ledger
from app.integrations.model import State
from app.store.sync_tables import SCHEDULES
from tests.factories import an_account, an_installed_site, an_integration

if TYPE_CHECKING:
    from uuid import UUID

    from app.integrations.model import Integration
    from app.runtime import Runtime
    from tests.factories import InstalledSite


@dataclass(frozen=True)
class Premises:
    """A paired integration of an account."""

    parts: Runtime
    account_id: UUID
    key: str
    """The account's API key."""
    integration_id: UUID
    tenant_id: UUID
    site: InstalledSite

    @property
    def integration(self) -> Integration:
        with self.parts.store.bound_to_account(self.account_id) as session:
            return ledger.get(session, self.integration_id)

    def move_to(self, state: State, **columns: object) -> None:
        with self.parts.store.bound_to(self.tenant_id) as session:
            ledger.move_to(session, self.integration_id, state, **columns)

    def unpair(self) -> None:
        with self.parts.store.unrestricted_unsafe() as session:
            ledger.move_to(session, self.integration_id, State.PENDING, tenant_id=None)

    def due_jobs(self) -> set[str]:
        """Periodic jobs of the tenant that are due now."""
        with self.parts.store.bound_to(self.tenant_id) as session:
            due = select(SCHEDULES.c.duty).where(SCHEDULES.c.due_at <= clock.now(), SCHEDULES.c.asked_at.is_(None))
            return set(session.execute(due).scalars())

    def job_ids(self) -> list[str]:
        """Ids of the jobs in the queues that name the tenant or the integration."""
        owners = (str(self.tenant_id), str(self.integration_id))
        job_ids = [job_id for lane in jobs.Lane for job_id in jobs.queue(self.parts.redis, lane).job_ids]
        return [job_id for job_id in job_ids if any(owner in job_id for owner in owners)]

    def jobs_in_queues(self) -> set[str]:
        """Names of these jobs."""
        return {job_id.partition("-")[0] for job_id in self.job_ids()}


@pytest.fixture
def premises(parts: Runtime) -> Premises:
    """A verified integration with periodic jobs due in a day."""
    account, key = an_account(parts)
    integration, site = an_integration(parts, account), an_installed_site(parts)
    with parts.store.unrestricted_unsafe() as session:
        ledger.move_to(
            session,
            integration.id,
            State.HEALTHY,
            tenant_id=site.tenant_id,
            paired_at=clock.now(),
            verified_at=clock.now(),
        )
    with parts.store.bound_to(site.tenant_id) as session:
        tenant_schedule.start(session, at=clock.now() + timedelta(days=1))
    return Premises(parts, account.id, key, integration.id, site.tenant_id, site)
