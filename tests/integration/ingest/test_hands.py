"""A large site next to a small one: a hand goes when it is wanted elsewhere, and no tenant's hands pile up."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from redis import Redis

from app import clock, jobs
from app.ingest import plan, turn
from app.ingest.backfill import Hand
from tests.factories import a_paired_site
from tests.fakes.jira import FakeSite, FakeSites

if TYPE_CHECKING:
    from uuid import UUID

    from app.runtime import Runtime


class BusyLine(jobs.Line):
    """Somebody waits; of the asking tenant itself, so many hands."""

    def __init__(self, own: int = 0, *, others: bool = True) -> None:
        super().__init__(Redis(port=1))
        self._own, self._others = own, others

    def is_wanted_elsewhere(self, _tenant_id: UUID) -> bool:
        return self._others

    def waiting(self, _tenant_id: UUID) -> int:
        return self._own


@pytest.fixture
def tenant_id(parts: Runtime) -> UUID:
    found = a_paired_site(parts)[0].tenant_id
    with parts.store.bound_to(found) as session:
        plan.begin(session, found, site_concurrency=0)
    return found


def waiting(parts: Runtime, tenant_id: UUID) -> int:
    return jobs.Line(parts.redis).waiting(tenant_id)


def a_hand(parts: Runtime, tenant_id: UUID, line: jobs.Line) -> Hand:
    return Hand(parts.store, FakeSites(FakeSite(60_000, delay=0.05)), tenant_id, 8, 4, line)  # type: ignore[arg-type]  # a fake wire


def test_a_hand_goes_soon_when_it_is_wanted_elsewhere(parts: Runtime, tenant_id: UUID) -> None:
    began = clock.now()
    assert a_hand(parts, tenant_id, BusyLine()).work(until=began + timedelta(seconds=60)) == "again"
    assert turn.LEAST <= clock.now() - began < timedelta(seconds=30)
    assert waiting(parts, tenant_id) == 1


def test_a_hand_stays_its_full_time_while_nobody_waits(parts: Runtime, tenant_id: UUID) -> None:
    began = clock.now()
    assert a_hand(parts, tenant_id, BusyLine(others=False)).work(until=began + timedelta(seconds=4)) == "again"
    assert clock.now() - began >= timedelta(seconds=4)


def test_surplus_hands_go_for_good(parts: Runtime, tenant_id: UUID) -> None:
    """Two hands of four threads are all that a site of eight requests at once can use."""
    for own, lent in [(2, 0), (1, 1)]:
        before = waiting(parts, tenant_id)
        a_hand(parts, tenant_id, BusyLine(own)).work(until=clock.now() + timedelta(seconds=0.5))
        assert waiting(parts, tenant_id) - before == lent
