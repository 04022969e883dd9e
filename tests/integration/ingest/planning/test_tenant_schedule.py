"""Periodic jobs are spread over time, enqueued once, never lost, and stopped with their integration."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import bindparam, func, insert, select, update

from app import clock, ids, jobs
from app.ingest.planning import tenant_schedule
from app.ingest.planning.tenant_schedule import PERIODIC_JOBS
from app.store.schema import INTEGRATIONS, TENANTS
from app.store.sync_tables import SCHEDULES
from tests.factories import a_paired_site

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from app.runtime import Runtime
    from app.store.session import Session

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SEED = 20261124


class FrozenClock:
    def __init__(self, at: datetime) -> None:
        self.at = at


@pytest.fixture
def frozen_clock(monkeypatch: pytest.MonkeyPatch) -> FrozenClock:
    time = FrozenClock(NOON)
    monkeypatch.setattr(clock, "now", lambda: time.at)
    return time


@pytest.fixture
def quiet(parts: Runtime) -> None:
    """Pause the tenants of other tests."""
    with parts.store.unrestricted_unsafe() as session:
        session.execute(update(INTEGRATIONS).values(state="paused"))


def asked(session: Session, monkeypatch: pytest.MonkeyPatch) -> list[tuple[UUID, str]]:
    monkeypatch.setattr(type(session), "enqueue", lambda *_args, **_options: None)
    return tenant_schedule.ask(session)


def a_served_site(parts: Runtime) -> UUID:
    return served_sites(parts, 1)[0]


def served_sites(parts: Runtime, count: int) -> list[UUID]:
    """Tenants with healthy integrations, as the schedule sees them: pairing hundreds takes longer than their hour."""
    site, integration = a_paired_site(parts)
    tenant_ids = [site.tenant_id, *(ids.new() for _ in range(count - 1))]
    with parts.store.unrestricted_unsafe() as session:
        tenant = session.execute(select(TENANTS).where(TENANTS.c.id == site.tenant_id)).one()._asdict()
        pairing = session.execute(select(INTEGRATIONS).where(INTEGRATIONS.c.id == integration.id)).one()._asdict()
        if more_ids := tenant_ids[1:]:
            session.execute(insert(TENANTS), [tenant | {"id": tenant_id} for tenant_id in more_ids])
            pairings = [pairing | {"id": ids.new(), "tenant_id": tenant_id} for tenant_id in more_ids]
            session.execute(insert(INTEGRATIONS), pairings)
        are_ours = INTEGRATIONS.c.tenant_id.in_(tenant_ids)
        session.execute(update(INTEGRATIONS).where(are_ours).values(state="healthy"))
    return tenant_ids


def test_no_minute_of_many_tenants_has_three_times_the_mean(
    parts: Runtime, quiet: None, frozen_clock: FrozenClock, monkeypatch: pytest.MonkeyPatch, is_at_scale: bool
) -> None:
    """Every periodic job of every tenant has its own slot, and no minute is crowded.

    An hour of 100 tenants; with `--at-scale` three hours of 500.
    """
    monkeypatch.setattr("secrets.randbits", Random(SEED).getrandbits)  # ids, and with them slots
    tenant_count, hour_count = (500, 3) if is_at_scale else (100, 1)
    tenants = served_sites(parts, tenant_count)
    with parts.store.unrestricted_unsafe() as session:
        assert tenant_schedule.reconcile(session) == tenant_count * len(tenant_schedule.PERIODIC_JOBS)
    by_minute: Counter[int] = Counter()
    by_job: Counter[str] = Counter()
    for _ in range(hour_count * 3600 // 30):
        frozen_clock.at += timedelta(seconds=30)
        for _ in range(30 // tenant_schedule.TICK):
            with parts.store.unrestricted_unsafe() as session:
                due = asked(session, monkeypatch)
                begin_all(session, due, frozen_clock.at)
            by_minute[int((frozen_clock.at - NOON).total_seconds() // 60)] += len(due)
            by_job.update(name for _, name in due)
            if not due:
                break
    mean = sum(by_minute.values()) / (60 * hour_count)
    assert max(by_minute.values()) <= 3 * mean, (max(by_minute.values()), mean)
    assert by_job["poll"] == pytest.approx(tenant_count * 12 * hour_count, rel=0.02)
    with parts.store.unrestricted_unsafe() as session:
        session.execute(update(INTEGRATIONS).where(INTEGRATIONS.c.tenant_id.in_(tenants)).values(state="paused"))


def begin_all(session: Session, due: Sequence[tuple[UUID, str]], moment: datetime) -> None:
    """Advance each row like its job does at its start, in one round trip."""
    next_slots = [
        {"of": tenant_id, "job": name, "slot": tenant_schedule.slot_after(tenant_id, PERIODIC_JOBS[name], moment)}
        for tenant_id, name in due
    ]
    statement = update(SCHEDULES).where(SCHEDULES.c.tenant_id == bindparam("of"), SCHEDULES.c.duty == bindparam("job"))
    if next_slots:
        session.execute(statement.values(due_at=bindparam("slot"), asked_at=None), next_slots)


def test_after_a_stop_of_the_clock_overdue_jobs_are_enqueued_in_batches(
    parts: Runtime, quiet: None, frozen_clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    served_sites(parts, 60)
    with parts.store.unrestricted_unsafe() as session:
        tenant_schedule.reconcile(session)
    frozen_clock.at += timedelta(days=2)
    with parts.store.unrestricted_unsafe() as session:
        batch_sizes = [len(asked(session, monkeypatch)) for _ in range(3)]
    assert batch_sizes == [tenant_schedule._MINIMUM] * 3


def test_two_clocks_enqueue_a_periodic_job_once(
    parts: Runtime, quiet: None, frozen_clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_served_site(parts)
    with parts.store.unrestricted_unsafe() as session:
        tenant_schedule.reconcile(session)
    frozen_clock.at += timedelta(days=2)
    with parts.store.unrestricted_unsafe() as first:
        monkeypatch.setattr(type(first), "enqueue", lambda *_args, **_options: None)
        first_jobs = tenant_schedule.ask(first)
        with parts.store.unrestricted_unsafe() as second:
            two = tenant_schedule.ask(second)
    assert not set(first_jobs) & set(two)


def test_a_periodic_job_that_never_began_is_enqueued_again(
    parts: Runtime, quiet: None, frozen_clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis lost the job: its row is unchanged, since only the job itself advances it."""
    tenant_id = a_served_site(parts)
    with parts.store.bound_to(tenant_id) as session:
        tenant_schedule.start(session, at=frozen_clock.at)
    with parts.store.unrestricted_unsafe() as session:
        first = set(asked(session, monkeypatch))
        assert not set(asked(session, monkeypatch)) & first
    frozen_clock.at += timedelta(minutes=3)
    with parts.store.bound_to(tenant_id) as session:
        tenant_schedule.begin(session, "poll")
    with parts.store.unrestricted_unsafe() as session:
        names = {name for owner, name in asked(session, monkeypatch) if owner == tenant_id}
    assert names == {name for owner, name in first if owner == tenant_id} - {"poll"}


def test_a_stopped_tenant_has_no_periodic_jobs_and_a_parked_one_only_the_probe(
    parts: Runtime, quiet: None, frozen_clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused_id, disabled_id, parked_id = (a_served_site(parts) for _ in range(3))
    with parts.store.unrestricted_unsafe() as session:
        tenant_schedule.reconcile(session)
        session.execute(update(SCHEDULES).values(due_at=frozen_clock.at - timedelta(hours=1)))
        session.execute(update(INTEGRATIONS).where(INTEGRATIONS.c.tenant_id == paused_id).values(state="paused"))
        session.execute(update(TENANTS).where(TENANTS.c.id == disabled_id).values(state="disabled"))
        session.execute(
            update(INTEGRATIONS).where(INTEGRATIONS.c.tenant_id == parked_id).values(parked_because="credential")
        )
        assert asked(session, monkeypatch) == [(parked_id, "probe")]
        tenant_schedule.reconcile(session)
        rows = session.execute(select(SCHEDULES.c.tenant_id, func.count()).group_by(SCHEDULES.c.tenant_id)).all()
    assert [(row[0], row[1]) for row in rows] == [(parked_id, len(tenant_schedule.PERIODIC_JOBS))]


def test_a_place_is_the_tenants_own_and_the_next_one_comes_a_period_later() -> None:
    poll, nightly = tenant_schedule.PERIODIC_JOBS["poll"], tenant_schedule.PERIODIC_JOBS["recent"]
    first_id, second_id = ids.new(), ids.new()
    first = tenant_schedule.slot_after(first_id, poll, NOON)
    assert NOON < first <= NOON + timedelta(minutes=5)
    assert tenant_schedule.slot_after(first_id, poll, first) == first + timedelta(minutes=5)
    assert tenant_schedule.slot_after(first_id, poll, first - timedelta(seconds=1)) == first
    assert tenant_schedule.slot_after(second_id, poll, NOON) != first
    nights = [tenant_schedule.slot_after(ids.new(), nightly, NOON) for _ in range(50)]
    assert all(night.hour < 5 for night in nights), "between midnight and five, UTC"


def test_every_job_of_a_tenant_is_on_the_one_list() -> None:
    assert set(tenant_schedule.PERIODIC_JOBS) == {job.spec.name for job in jobs.BY_THE_CLOCK if job.is_tenants}


@pytest.mark.parametrize(("method", "period"), [("connect_app", 300), ("api_token", 60)])
def test_a_site_without_webhooks_is_polled_every_minute(
    parts: Runtime, frozen_clock: FrozenClock, method: str, period: int
) -> None:
    tenant_id = a_served_site(parts)
    with parts.store.bound_to(tenant_id) as session:
        session.execute(update(TENANTS).values(method=method))
        tenant_schedule.start(session, at=NOON)
        places = []
        for _ in range(3):
            tenant_schedule.begin(session, "poll")
            frozen_clock.at = session.execute(select(SCHEDULES.c.due_at).where(SCHEDULES.c.duty == "poll")).scalar_one()
            places.append(frozen_clock.at)
    assert [(after - before).total_seconds() for before, after in pairwise(places)] == [period] * 2
