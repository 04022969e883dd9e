"""Staging tables are temporary tables of a pooled connection, where row-level security doesn't hold: they end empty."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from app.store import records
from app.store.session import Store, StoreFault
from tests.factories import a_row, an_installed_site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from app.catalog.extract import Row
    from app.runtime import Runtime
    from app.store.session import Session

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
TEMPORARY_TABLES = text("SELECT relname FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relkind = 'r'")


class CrashError(Exception):
    """Ends a transaction."""


@pytest.fixture
def store(parts: Runtime) -> Iterator[Store]:
    """A store with one connection: each session gets it from the one before."""
    small_store = Store(parts.store.engine.url.render_as_string(hide_password=False), parts.redis, pool_size=1)
    yield small_store
    small_store.engine.dispose()


@pytest.fixture
def tenants(parts: Runtime) -> tuple[UUID, UUID]:
    return an_installed_site(parts).tenant_id, an_installed_site(parts).tenant_id


def some_rows(number: int = 0) -> list[Row]:
    return [
        a_row("issue", f"{number}", summary="Secret of the first tenant", updated=NOON),
        a_row("comment", f"c{number}", issue_id=f"{number}", body_text="Secret as well", updated=NOON),
    ]


def staged_rows(session: Session) -> dict[str, Any]:
    """The rows that a session can read in the staging tables of its connection."""
    names = session.execute(TEMPORARY_TABLES).scalars().all()
    counts = {name: session.execute(text(f"SELECT count(*) FROM pg_temp.{name}")).scalar_one() for name in names}
    return {name: count for name, count in counts.items() if count}


def backend(session: Session) -> int:
    return int(session.execute(text("SELECT pg_backend_pid()")).scalar_one())


def test_the_next_tenant_on_a_connection_finds_no_staged_row(store: Store, tenants: tuple[UUID, UUID]) -> None:
    first, second = tenants
    for number in range(20):
        with store.bound_to(first) as session:
            records.apply(session, some_rows(number), read_at=NOON)
            process = backend(session)
        with store.bound_to(second) as session:
            assert backend(session) == process
            assert staged_rows(session) == {}


def test_no_row_is_staged_after_a_rollback_or_a_refused_row(store: Store, tenants: tuple[UUID, UUID]) -> None:
    first, second = tenants
    with store.bound_to(first) as session:
        records.apply(session, some_rows(), read_at=NOON)
    with suppress(CrashError), store.bound_to(first) as session:
        records.apply(session, some_rows(1), read_at=NOON)
        raise CrashError
    with pytest.raises(StoreFault), store.bound_to(first) as session:
        records.apply(session, [*some_rows(2), a_row("issue", token_hex(5000), updated=NOON)], read_at=NOON)
    with store.bound_to(second) as session:
        assert staged_rows(session) == {}


def test_no_row_is_staged_after_a_savepoint_was_rolled_back(store: Store, tenants: tuple[UUID, UUID]) -> None:
    first, second = tenants
    with store.bound_to(first) as session:
        with suppress(CrashError), session.connection.begin_nested():
            records.apply(session, some_rows(1), read_at=NOON)
            raise CrashError
        assert records.apply(session, some_rows(2), read_at=NOON)["issue"] == records.Applied(1, 1, 1)
        assert staged_rows(session) == {}
    with store.bound_to(second) as session:
        assert staged_rows(session) == {}


def test_two_pages_of_one_transaction_are_apart(store: Store, tenants: tuple[UUID, UUID]) -> None:
    with store.bound_to(tenants[0]) as session:
        for number in range(3):
            assert records.apply(session, some_rows(number), read_at=NOON)["issue"] == records.Applied(1, 1, 1)
