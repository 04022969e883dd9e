"""The state follows the verification, and every lane that stands still."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select, update

from app import clock, ids, jobs
from app.catalog.registry import entity
from app.conditions import Code, Condition
from app.ingest.planning import inbox, tenant_schedule
from app.ingest.proof import derive_state, state, verification
from app.integrations import ledger
from app.integrations.model import State
from app.store.schema import CHUNKS, COMPLETENESS, INBOX, INTEGRATIONS
from app.store.sync_tables import SCHEDULES
from app.store.tables import table_of
from tests.fakes.jira import FakeSite, end_early
from tests.integration.ingest.proof.test_verification import backfill, verify

if TYPE_CHECKING:
    from uuid import UUID

    from app.integrations.model import Integration
    from app.runtime import Runtime

LONG_AGO = timedelta(days=30)


@pytest.fixture
def site(parts: Runtime, tenant_id: UUID) -> FakeSite:
    """A site that is read and verified, without jobs due."""
    fake_site = FakeSite(20)
    backfill(parts, tenant_id, fake_site)
    assert verify(parts, tenant_id, fake_site) is State.HEALTHY
    with parts.store.bound_to(tenant_id) as session:
        session.execute(update(SCHEDULES).values(due_at=clock.now() + timedelta(days=1)))
    return fake_site


def derived(parts: Runtime, tenant_id: UUID) -> tuple[State, Code | None]:
    with parts.store.bound_to(tenant_id) as session:
        derive_state(session)
    integration = integration_of(parts, tenant_id)
    return integration.state, integration.state_reason.code if integration.state_reason else None


def integration_of(parts: Runtime, tenant_id: UUID) -> Integration:
    with parts.store.bound_to(tenant_id) as session:
        integration = ledger.of_tenant(session)
    assert integration is not None
    return integration


@pytest.mark.usefixtures("site")
def test_a_site_whose_lanes_all_move_is_healthy(parts: Runtime, tenant_id: UUID) -> None:
    assert derived(parts, tenant_id) == (State.HEALTHY, None)


@pytest.mark.usefixtures("site")
def test_our_own_rereads_that_wait_delay_the_site(parts: Runtime, tenant_id: UUID) -> None:
    with parts.store.bound_to(tenant_id) as session:
        inbox.ask(session, ["10001"], origin=inbox.SWEEP)
        session.execute(update(INBOX).values(received_at=clock.now() - state.LATE - timedelta(seconds=1)))
    assert derived(parts, tenant_id) == (State.DELAYED, Code.REREAD_LATE)


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("name", [jobs.REFRESH.name, jobs.WORKLOGS.name, jobs.RECENT.name, jobs.VERIFY.name])
def test_a_job_that_nobody_starts_delays_the_site(parts: Runtime, tenant_id: UUID, name: str) -> None:
    with parts.store.bound_to(tenant_id) as session:
        tenant_schedule.start(session, at=clock.now() + timedelta(days=1))
        is_this_job = SCHEDULES.c.duty == name
        session.execute(update(SCHEDULES).where(is_this_job).values(due_at=clock.now() - state.LATE * 2))
    assert derived(parts, tenant_id) == (State.DELAYED, Code.JOB_LATE)
    assert integration_of(parts, tenant_id).state_reason == Condition(Code.JOB_LATE, job=name, age=40)


@pytest.mark.usefixtures("site")
def test_lists_that_nobody_refreshes_delay_the_site(parts: Runtime, tenant_id: UUID) -> None:
    with parts.store.bound_to(tenant_id) as session:
        is_list = CHUNKS.c.entity == "status"
        session.execute(update(CHUNKS).where(is_list).values(finished_at=clock.now() - LONG_AGO))
    assert derived(parts, tenant_id) == (State.DELAYED, Code.LIST_LATE)


def test_a_surplus_is_a_difference_of_state_and_verification_alike(
    parts: Runtime, tenant_id: UUID, site: FakeSite
) -> None:
    field = table_of(entity("field"))
    with parts.store.bound_to(tenant_id) as session:
        row = session.execute(select(field).limit(1)).mappings().one()
        session.execute(insert(field).values({**row, "id": "customfield_99999", "version": row["version"] + 10**6}))
    assert verify(parts, tenant_id, site) is State.NEEDS_ATTENTION
    reason = integration_of(parts, tenant_id).state_reason
    assert reason == Condition(Code.ROWS_LEFT_OVER, surplus=1)
    # The next look without a verification must not call it healthy.
    assert derived(parts, tenant_id) == (State.NEEDS_ATTENTION, Code.ROWS_LEFT_OVER)


@pytest.mark.parametrize(
    ("rounds", "minutes"), [(1, 2), (3, 2), (4, 8), (5, 32), (6, 128), (7, 512), (8, 1440), (30, 1440)]
)
def test_rounds_of_repair_that_mend_nothing_get_rarer(
    parts: Runtime, tenant_id: UUID, site: FakeSite, rounds: int, minutes: int
) -> None:
    finding: dict[str, Any] = {
        "tenant_id": tenant_id,
        "entity": "issue",
        "scope_id": "10000",
        "stored": 1,
        "expected": 2,
        "is_complete": False,
        "method": "approximate-count",
    }
    with parts.store.bound_to(tenant_id) as session:
        tenant_schedule.start(session, at=clock.now() + LONG_AGO)
        session.execute(update(INTEGRATIONS).values(verified_at=clock.now() - LONG_AGO))
        moments = [clock.now() - timedelta(hours=number) for number in range(1, rounds)]
        findings = [{**finding, "id": ids.new(), "verified_at": moment} for moment in moments]
        if findings:
            session.execute(insert(COMPLETENESS), findings)
    site.count = 21
    site.misbehave = end_early
    verification.verify(parts.store, site.source, tenant_id)  # type: ignore[arg-type]  # a fake wire
    with parts.store.bound_to(tenant_id) as session:
        due_at = session.execute(select(SCHEDULES.c.due_at).where(SCHEDULES.c.duty == jobs.VERIFY.name)).scalar_one()
    pause = due_at - clock.now()
    assert timedelta(minutes=minutes) - timedelta(seconds=30) < pause <= timedelta(minutes=minutes)
