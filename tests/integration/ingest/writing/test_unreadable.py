"""Unreadable parts: one row a part, growing pauses, cleared when read."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from app.conditions import Code, Condition
from app.errors import JiraDown, JiraRefused, JiraRejected
from app.ingest.writing import unreadable
from app.ingest.writing.unreadable import Part
from app.integrations import ledger
from app.integrations.model import State
from app.sources import Broken, NotForUs, NotOffered
from app.store.sync_tables import UNREADABLE

if TYPE_CHECKING:
    from uuid import UUID

    from app.runtime import Runtime
    from app.store.session import Session

BOARD = Part("board_configuration", "7")
REFUSAL = NotForUs(JiraRefused(Code.ANSWERED, status=403, endpoint="GET /rest/agile/1.0/board/{}/configuration"))
FAILURE = Broken(JiraDown(Code.ANSWERED, status=500, endpoint="GET /rest/api/3/issue/{}"))


def test_a_part_is_one_row_with_its_latest_reason(parts: Runtime, tenant_id: UUID) -> None:
    with parts.store.bound_to(tenant_id) as session:
        unreadable.set_aside(session, BOARD, FAILURE)
        unreadable.make_due(session)
        unreadable.set_aside(session, BOARD, REFUSAL)
        (part,) = unreadable.listed(session, limit=10)
        assert (part.entity, part.scope_id, part.tries) == (*BOARD[:2], 2)
        assert part.reason == Condition(Code.NOT_FOR_US, why=REFUSAL.failure.condition)
        assert unreadable.count(session) == 1


@pytest.mark.parametrize(("tries", "minutes"), [(1, 10), (2, 40), (3, 160), (4, 640), (5, 1440), (30, 1440)])
def test_each_pause_is_four_times_the_one_before_up_to_a_day(
    parts: Runtime, tenant_id: UUID, tries: int, minutes: int
) -> None:
    with parts.store.bound_to(tenant_id) as session:
        for _ in range(tries):
            unreadable.make_due(session)
            unreadable.set_aside(session, BOARD, FAILURE)
        (part,) = unreadable.listed(session, limit=10)
        first = session.execute(select(UNREADABLE.c.since)).scalar_one()
        pause = part.retry_at - first
        assert timedelta(minutes=minutes) <= pause < timedelta(minutes=minutes, seconds=30)
        assert unreadable.due(session, 10) == []


def test_findings_before_the_next_try_count_as_one(parts: Runtime, tenant_id: UUID) -> None:
    with parts.store.bound_to(tenant_id) as session:
        for finding in (FAILURE, FAILURE, REFUSAL):
            unreadable.set_aside(session, BOARD, finding)
        (part,) = unreadable.listed(session, limit=10)
        assert (part.tries, part.reason.code) == (1, Code.NOT_FOR_US)
        assert part.retry_at - part.since == timedelta(minutes=10)


def test_a_part_that_was_read_is_forgotten_and_no_other(parts: Runtime, tenant_id: UUID) -> None:
    issue = Part("issue", "10000", is_object=True)
    project = Part("issue", "10000")
    with parts.store.bound_to(tenant_id) as session:
        for part, finding in ((issue, FAILURE), (project, FAILURE), (BOARD, REFUSAL)):
            unreadable.set_aside(session, part, finding)
        unreadable.clear(session, "issue", ["10000"], is_object=True)
        assert {(part.entity, part.is_object) for part in unreadable.listed(session, limit=10)} == {
            ("issue", False),
            ("board_configuration", False),
        }


def test_a_healthy_state_names_the_parts_at_once(parts: Runtime, tenant_id: UUID) -> None:
    """The page said for ten minutes that a part can't be read which its list of parts no longer had."""
    with parts.store.bound_to(tenant_id) as session:
        integration = ledger.of_tenant(session)
        assert integration is not None
        ledger.move_to(session, integration.id, State.HEALTHY)
        unreadable.set_aside(session, BOARD, REFUSAL)
        assert _reason(session) == Condition(Code.PARTS_UNREAD, parts=1)
        unreadable.clear(session, BOARD.entity, [BOARD.scope_id])
        assert _reason(session) is None


def test_two_parts_at_once_are_both_counted(parts: Runtime, tenant_id: UUID) -> None:
    """Each transaction sees its own part only, until the other ends."""
    with parts.store.bound_to(tenant_id) as session:
        integration = ledger.of_tenant(session)
        assert integration is not None
        ledger.move_to(session, integration.id, State.HEALTHY)
    is_set_aside = threading.Event()

    def set_aside(part: Part) -> None:
        with parts.store.bound_to(tenant_id) as session:
            unreadable.set_aside(session, part, REFUSAL)
            is_set_aside.set()
            # Time for the other one to come as far as it can.
            time.sleep(0.5)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(set_aside, BOARD)
        assert is_set_aside.wait(30)
        second = pool.submit(set_aside, Part("sprint", "7"))
        first.result()
        second.result()
    with parts.store.bound_to(tenant_id) as session:
        assert _reason(session) == Condition(Code.PARTS_UNREAD, parts=2)


def test_another_states_reason_stays(parts: Runtime, tenant_id: UUID) -> None:
    lateness = Condition(Code.POLL_LATE, age=30)
    with parts.store.bound_to(tenant_id) as session:
        integration = ledger.of_tenant(session)
        assert integration is not None
        ledger.move_to(session, integration.id, State.DELAYED, reason=lateness)
        unreadable.set_aside(session, BOARD, REFUSAL)
        assert _reason(session) == lateness


def _reason(session: Session) -> Condition | None:
    integration = ledger.of_tenant(session)
    return integration.state_reason if integration else None


def test_a_part_is_due_once_its_pause_is_over(parts: Runtime, tenant_id: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    with parts.store.bound_to(tenant_id) as session:
        unreadable.set_aside(session, BOARD, NotOffered(JiraRejected(Code.ANSWERED, status=422, endpoint="")))
        moment = unreadable.clock.now() + timedelta(minutes=11)
        monkeypatch.setattr(unreadable.clock, "now", lambda: moment)
        assert unreadable.due(session, 10) == [BOARD]
