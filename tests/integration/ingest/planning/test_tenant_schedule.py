"""Everything by the clock: spread over time by itself, asked for once, never lost, and stopped with its integration."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import bindparam, func, select, update

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


class Hands:
    def __init__(self, at: datetime) -> None:
        self.at = at


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    held = Hands(NOON)
    monkeypatch.setattr(clock, "now", lambda: held.at)
    return held


@pytest.fixture
def quiet(parts: Runtime) -> None:
    """No other test's tenants take part."""
    with parts.store.unrestricted_unsafe() as session:
        session.execute(update(INTEGRATIONS).values(state="paused"))


def asked(session: Session, monkeypatch: pytest.MonkeyPatch) -> list[tuple[UUID, str]]:
    monkeypatch.setattr(type(session), "enqueue", lambda *_args, **_given: None)
    return tenant_schedule.ask(session)


def a_served_site(parts: Runtime) -> UUID:
    tenant_id = a_paired_site(parts)[0].tenant_id
    with parts.store.unrestricted_unsafe() as session:
        its = INTEGRATIONS.c.tenant_id == tenant_id
        session.execute(update(INTEGRATIONS).where(its).values(state="healthy"))
    return tenant_id


def test_no_minute_of_many_tenants_has_three_times_the_mean(
    parts: Runtime, quiet: None, hands: Hands, monkeypatch: pytest.MonkeyPatch, is_at_scale: bool
) -> None:
    """One clock: every periodic job of every tenant in its own slot, and no minute crowded.

    An hour of 100 tenants; with `--at-scale` three hours of 500.
    """
    monkeypatch.setattr("secrets.randbits", Random(SEED).getrandbits)  # ids, and with them slots
    tenant_count, hour_count = (500, 3) if is_at_scale else (100, 1)
    tenants = [a_served_site(parts) for _ in range(tenant_count)]
    with parts.store.unrestricted_unsafe() as session:
        assert tenant_schedule.reconcile(session) == tenant_count * len(tenant_schedule.PERIODIC_JOBS)
    by_minute: Counter[int] = Counter()
    by_job: Counter[str] = Counter()
    for _ in range(hour_count * 3600 // 30):
        hands.at += timedelta(seconds=30)
        for _ in range(30 // tenant_schedule.TICK):
            with parts.store.unrestricted_unsafe() as session:
                due = asked(session, monkeypatch)
                begin_all(session, due, hands.at)
            by_minute[int((hands.at - NOON).total_seconds() // 60)] += len(due)
            by_job.update(name for _, name in due)
            if not due:
                break
    mean = sum(by_minute.values()) / (60 * hour_count)
    assert max(by_minute.values()) <= 3 * mean, (max(by_minute.values()), mean)
    assert by_job["poll"] == pytest.approx(tenant_count * 12 * hour_count, rel=0.02)
    with parts.store.unrestricted_unsafe() as session:
        session.execute(update(INTEGRATIONS).where(INTEGRATIONS.c.tenant_id.in_(tenants)).values(state="paused"))


def begin_all(session: Session, due: Sequence[tuple[UUID, str]], moment: datetime) -> None:
    """Move each row on as its job does when it begins, all in one round trip."""
    next_slots = [
        {"of": tenant_id, "job": name, "slot": tenant_schedule.slot_after(tenant_id, PERIODIC_JOBS[name], moment)}
        for tenant_id, name in due
    ]
    moved = update(SCHEDULES).where(SCHEDULES.c.tenant_id == bindparam("of"), SCHEDULES.c.duty == bindparam("job"))
    if next_slots:
        session.execute(moved.values(due_at=bindparam("slot"), asked_at=None), next_slots)


def test_after_a_stop_of_the_clock_what_is_overdue_is_asked_for_in_portions(
    parts: Runtime, quiet: None, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(60):
        a_served_site(parts)
    with parts.store.unrestricted_unsafe() as session:
        tenant_schedule.reconcile(session)
    hands.at += timedelta(days=2)
    with parts.store.unrestricted_unsafe() as session:
        page_sizer = [len(asked(session, monkeypatch)) for _ in range(3)]
    assert page_sizer == [tenant_schedule._LEAST] * 3


def test_two_clocks_ask_for_a_duty_once(
    parts: Runtime, quiet: None, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_served_site(parts)
    with parts.store.unrestricted_unsafe() as session:
        tenant_schedule.reconcile(session)
    hands.at += timedelta(days=2)
    with parts.store.unrestricted_unsafe() as first:
        monkeypatch.setattr(type(first), "enqueue", lambda *_args, **_given: None)
        one = tenant_schedule.ask(first)
        with parts.store.unrestricted_unsafe() as second:
            two = tenant_schedule.ask(second)
    assert not set(one) & set(two)


def test_a_duty_that_never_began_is_asked_for_again(
    parts: Runtime, quiet: None, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis lost the job: the row says so, since only the job itself moves it."""
    tenant_id = a_served_site(parts)
    with parts.store.bound_to(tenant_id) as session:
        tenant_schedule.start(session, at=hands.at)
    with parts.store.unrestricted_unsafe() as session:
        first = set(asked(session, monkeypatch))
        assert not set(asked(session, monkeypatch)) & first
    hands.at += timedelta(minutes=3)
    with parts.store.bound_to(tenant_id) as session:
        tenant_schedule.begin(session, "poll")
    with parts.store.unrestricted_unsafe() as session:
        again = {name for known, name in asked(session, monkeypatch) if known == tenant_id}
    assert again == {name for known, name in first if known == tenant_id} - {"poll"}


def test_who_is_not_served_has_no_duties_and_who_is_parked_only_the_probe(
    parts: Runtime, quiet: None, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused, disabled, parked = (a_served_site(parts) for _ in range(3))
    with parts.store.unrestricted_unsafe() as session:
        tenant_schedule.reconcile(session)
        session.execute(update(SCHEDULES).values(due_at=hands.at - timedelta(hours=1)))
        session.execute(update(INTEGRATIONS).where(INTEGRATIONS.c.tenant_id == paused).values(state="paused"))
        session.execute(update(TENANTS).where(TENANTS.c.id == disabled).values(state="disabled"))
        session.execute(
            update(INTEGRATIONS).where(INTEGRATIONS.c.tenant_id == parked).values(parked_because="credential")
        )
        assert asked(session, monkeypatch) == [(parked, "probe")]
        tenant_schedule.reconcile(session)
        left = session.execute(select(SCHEDULES.c.tenant_id, func.count()).group_by(SCHEDULES.c.tenant_id)).all()
    assert [(row[0], row[1]) for row in left] == [(parked, len(tenant_schedule.PERIODIC_JOBS))]


def test_a_place_is_the_tenants_own_and_the_next_one_comes_a_period_later() -> None:
    poll, nightly = tenant_schedule.PERIODIC_JOBS["poll"], tenant_schedule.PERIODIC_JOBS["recent"]
    one, other = ids.new(), ids.new()
    first = tenant_schedule.slot_after(one, poll, NOON)
    assert NOON < first <= NOON + timedelta(minutes=5)
    assert tenant_schedule.slot_after(one, poll, first) == first + timedelta(minutes=5)
    assert tenant_schedule.slot_after(one, poll, first - timedelta(seconds=1)) == first
    assert tenant_schedule.slot_after(other, poll, NOON) != first
    nights = [tenant_schedule.slot_after(ids.new(), nightly, NOON) for _ in range(50)]
    assert all(each.hour < 5 for each in nights), "between midnight and five, UTC"


def test_every_tenants_duty_is_on_the_one_list() -> None:
    assert set(tenant_schedule.PERIODIC_JOBS) == {each.spec.name for each in jobs.BY_THE_CLOCK if each.is_tenants}
