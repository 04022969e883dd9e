"""Database sessions: bound to one tenant or one SEI account by default, unbound only under an ugly name.

A bound session works under a role that owns nothing, with row-level security forced: a forgotten WHERE still sees only
the session's own rows. Role and binding are set for the transaction only (`set_config(..., true)`), so a pooled
connection carries nothing over. Jobs of a session are enqueued after its commit, and not at all if it fails.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app import jobs, logs
from app.conditions import Code
from app.errors import AppError, ProgrammingFault, Unavailable
from app.store.schema import APP_ROLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from redis import Redis
    from sqlalchemy import CursorResult, Engine, Executable
    from sqlalchemy.engine import Connection

log = logs.get(__name__)


class StoreFault(AppError):
    """The database refused our rows. Only the error's class is reported, since its message quotes values."""


class UnboundSession(ProgrammingFault):
    """The tenant of an unbound session was requested. It ends the transaction."""


class BoundSession(ProgrammingFault):
    """A bound session was to be narrowed. It ends the transaction."""


_BIND = text(
    "SELECT set_config('role', :role, true), set_config('app.tenant_id', :tenant, true),"
    " set_config('app.account_id', :account, true)"
)
_BINDING = text(
    "SELECT current_setting('role'), coalesce(current_setting('app.tenant_id', true), ''),"
    " coalesce(current_setting('app.account_id', true), '')"
)


class Session:
    """One transaction. `after_commit` and `enqueue` wait for its commit."""

    def __init__(
        self, connection: Connection, redis: Redis, tenant_id: UUID | None = None, *, is_unrestricted: bool = False
    ) -> None:
        self.connection = connection
        self._redis = redis
        self._tenant_id = tenant_id
        self._is_unrestricted = is_unrestricted
        self._after: list[Callable[[], object]] = []

    @property
    def tenant_id(self) -> UUID:
        """The session's tenant. Raises UnboundSession."""
        if self._tenant_id is None:
            raise UnboundSession("The session is bound to no tenant.")
        return self._tenant_id

    def execute(
        self, statement: Executable, parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]:
        """Run one statement."""
        return self.connection.execute(statement, parameters)

    @contextmanager
    def narrowed_to(self, tenant_id: UUID) -> Iterator[None]:
        """Bind an unrestricted session to one tenant within a block, once a lifecycle hook has proven its tenant.

        Row-level security holds until the end of the block, as in `Store.bound_to`. A block that fails leaves no changes
        behind. Raises BoundSession for any other session, and within such a block.
        """
        if not self._is_unrestricted:
            raise BoundSession("Only an unrestricted session can be narrowed, and only once at a time.")
        with self._rebound(role=APP_ROLE, tenant=str(tenant_id), account=""):
            self._tenant_id, self._is_unrestricted = tenant_id, False
            try:
                yield
            finally:
                self._tenant_id, self._is_unrestricted = None, True

    @contextmanager
    def with_account(self, account_id: UUID) -> Iterator[None]:
        """Bind an SEI account besides the tenant within a block: a disconnected integration stays with its account."""
        with self._rebound(account=str(account_id)):
            yield

    @contextmanager
    def _rebound(self, **binding: str) -> Iterator[None]:
        """Change the binding within a block. The savepoint restores it where the block fails."""
        before = dict(zip(("role", "tenant", "account"), self.execute(_BINDING).one(), strict=True))
        with self.connection.begin_nested():
            self.execute(_BIND, {**before, **binding})
            yield
            self.execute(_BIND, before)

    def changed(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> int:
        """Run one writing statement. Returns the number of rows, which SQLAlchemy does not preserve for an INSERT."""
        result = self.connection.execute(statement, parameters, execution_options={"preserve_rowcount": True})
        if result.rowcount < 0:
            raise RuntimeError("the driver did not count")
        return int(result.rowcount)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part of the transaction that may fail alone. Raises StoreFault where the database refuses its values."""
        action_count = len(self._after)
        try:
            with _available(), self.connection.begin_nested():
                yield
        except BaseException:
            del self._after[action_count:]
            raise

    def after_commit(self, act: Callable[[], object]) -> None:
        """Call `act` after the commit."""
        self._after.append(act)

    def enqueue(self, spec: jobs.JobSpec, *args: str | int, once_as: str | None = None, is_first: bool = False) -> None:
        """Enqueue a job after the commit. If Redis is away, the sweep finds the work later."""
        self.after_commit(lambda: jobs.enqueue(self._redis, spec, *args, once_as=once_as, is_first=is_first))

    def park(self, spec: jobs.JobSpec, *args: str | int, until: datetime, once_as: str | None = None) -> None:
        """Schedule a job for later, after the commit."""
        self.after_commit(lambda: jobs.park(self._redis, spec, *args, until=until, once_as=once_as))

    def run_after_commit(self) -> None:
        """Run the actions that waited. A failure here loses no data, since the work is recorded in the database."""
        for act in self._after:
            try:
                act()
            except Exception:
                log.exception("after commit failed; the sweep will make up for it")


class Store:
    """Opens sessions on one database."""

    def __init__(self, database_url: str, redis: Redis, *, pool_size: int = 10) -> None:
        self.engine = make_engine(database_url, pool_size=pool_size)
        self._redis = redis

    @contextmanager
    def bound_to(self, tenant_id: UUID, *, account_id: UUID | None = None) -> Iterator[Session]:
        """A transaction on one tenant's rows. Raises Unavailable when the database does not answer.

        Pairing also binds the SEI account of the integration.
        """
        account = str(account_id) if account_id else ""
        with self._transaction({"role": APP_ROLE, "tenant": str(tenant_id), "account": account}, tenant_id) as session:
            yield session

    @contextmanager
    def bound_to_account(self, account_id: UUID) -> Iterator[Session]:
        """A transaction on one SEI account's integrations, without Jira data."""
        with self._transaction({"role": APP_ROLE, "tenant": "", "account": str(account_id)}) as session:
            yield session

    @contextmanager
    def unrestricted_unsafe(self) -> Iterator[Session]:
        """A transaction on everything: only before the tenant is known, or for all tenants (a test lists the uses)."""
        with self._transaction(None) as session:
            yield session

    def ping(self) -> None:
        """Check that the database answers. Raises Unavailable."""
        with self._transaction(None) as session:
            session.execute(text("SELECT 1"))

    @contextmanager
    def _transaction(self, binding: Mapping[str, str] | None, tenant_id: UUID | None = None) -> Iterator[Session]:
        with _available(), self.engine.begin() as connection:
            session = Session(connection, self._redis, tenant_id, is_unrestricted=binding is None)
            if binding is not None:
                connection.execute(_BIND, binding)
            yield session
        session.run_after_commit()


@contextmanager
def _available() -> Iterator[None]:
    """Turn failures of the database into Unavailable, and refused values into StoreFault."""
    try:
        yield
    except PoolTimeout as error:
        raise Unavailable(Code.DATABASE_AWAY) from error
    except DBAPIError as error:
        if _is_about_values(error.orig):
            raise StoreFault(type(error.orig).__name__) from None
        if isinstance(error, OperationalError) or error.connection_invalidated:
            raise Unavailable(Code.DATABASE_AWAY) from error
        raise
    except psycopg.Error as error:
        # COPY bypasses SQLAlchemy, and psycopg's message quotes the value that did not fit.
        if isinstance(error, psycopg.OperationalError) and not _is_about_values(error):
            raise Unavailable(Code.DATABASE_LOST) from error
        raise StoreFault(type(error).__name__) from None


def _is_about_values(error: BaseException | None) -> bool:
    """Whether the database refuses the values themselves: SQLSTATE classes 22 (data) and 54 (program limits)."""
    return isinstance(error, psycopg.Error) and (error.sqlstate or "")[:2] in {"22", "54"}


def make_engine(database_url: str, *, pool_size: int = 10) -> Engine:
    """An engine for psycopg 3 from an operator's `postgresql://` address."""
    address = database_url.replace("postgres://", "postgresql://", 1).replace(
        "postgresql://", "postgresql+psycopg://", 1
    )
    return create_engine(
        address,
        pool_size=pool_size,
        max_overflow=10,
        pool_timeout=5,
        pool_pre_ping=True,
        pool_recycle=1800,
        # Error messages are logged, and parameters contain sealed secrets and people's text.
        hide_parameters=True,
        connect_args={"connect_timeout": 5, "application_name": "sei-connect", "options": "-c lock_timeout=15s"},
    )
