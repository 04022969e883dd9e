"""Re-reads are asked for in a fixed number of statements, each issue once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from app.ingest.planning import inbox
from app.sources import READ_BATCH
from app.store.schema import INBOX

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from uuid import UUID

    from app.runtime import Runtime
    from app.store.session import Session


def asked_batches(session: Session) -> list[list[str]]:
    bodies = session.execute(select(INBOX.c.body).order_by(INBOX.c.delivery_id)).scalars()
    return [body["issues"] for body in bodies]


def test_a_thousand_issues_are_asked_for_in_three_statements(
    parts: Runtime, tenant_id: UUID, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    issues = [str(number) for number in range(1000)]
    with parts.store.bound_to(tenant_id) as session:
        with statements() as log:
            assert inbox.ask(session, issues, origin=inbox.SWEEP) == 1000
        batches = asked_batches(session)
    assert len(log) <= 3, log
    assert sorted(issue_id for batch in batches for issue_id in batch) == sorted(issues)
    assert {len(batch) for batch in batches} == {READ_BATCH}


def test_a_pending_issue_is_not_asked_for_again(parts: Runtime, tenant_id: UUID) -> None:
    with parts.store.bound_to(tenant_id) as session:
        assert inbox.ask(session, ["1", "2", "1"], origin=inbox.POLL) == 2
    with parts.store.bound_to(tenant_id) as session:
        assert inbox.ask(session, ["2", "3"], origin=inbox.SWEEP) == 1
        assert inbox.ask(session, ["1", "3"], origin=inbox.SWEEP) == 0
        assert sorted(asked_batches(session)) == [["1", "2"], ["3"]]


def test_more_issues_than_a_statement_has_parameters_are_asked_for_at_once(
    parts: Runtime, tenant_id: UUID, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    """PostgreSQL takes 65,535 parameters; a renamed sprint of a large site names more issues."""
    with parts.store.bound_to(tenant_id) as session:
        with statements() as log:
            assert inbox.ask(session, map(str, range(70_000)), origin=inbox.SWEEP) == 70_000
        assert len(asked_batches(session)) == 70_000 / READ_BATCH
    assert len(log) <= 3
