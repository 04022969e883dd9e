"""Integrations as rows: create, find, change. Sessions are bound to an account or a tenant and see no other's rows."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import bindparam, func, select, update

from app import clock, ids
from app.conditions import Code
from app.errors import Conflicting, Missing
from app.integrations.model import Integration, State
from app.sources import Method, Product
from app.store.schema import INTEGRATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import ColumnElement, Row, Select, Update

    from app.conditions import Condition
    from app.store.session import Session, Store

_COLUMNS = tuple(INTEGRATIONS.c[field.name] for field in fields(Integration))
WORKING_STATES = tuple(state.value for state in State if state.is_working)
"""The states in which workers read the site, as stored."""


class Draft(NamedTuple):
    """An SEI admin's input for a new integration."""

    name: str
    description: str
    tags: list[str]
    product: Product
    method: Method
    settings: dict[str, Any]


class Listing(NamedTuple):
    """One page of integrations and the count of all that match."""

    integrations: list[Integration]
    total: int


def create(session: Session, account_id: UUID, draft: Draft) -> Integration:
    """A new integration, waiting to be paired."""
    integration_id = ids.new()
    session.execute(
        INTEGRATIONS.insert().values(
            id=integration_id, account_id=account_id, state=State.PENDING.value, **draft._asdict()
        )
    )
    return get(session, integration_id)


def get(session: Session, integration_id: UUID, *, lock: bool = False) -> Integration:
    """An integration that the session may see. Raises Missing."""
    query = select(*_COLUMNS).where(INTEGRATIONS.c.id == integration_id)
    row = session.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise Missing(Code.NO_INTEGRATION)
    return _from(row)


@contextmanager
def site_session(store: Store, integration: Integration) -> Iterator[Session]:
    """A transaction to read the rows of an integration's site.

    The pairing is checked again after the reads: rows of a site that has meanwhile gone to another account never get out.
    Raises Conflicting where the pairing has ended.
    """
    if integration.tenant_id is None:
        raise Conflicting(Code.PAIRING_ENDED)
    with store.bound_to(integration.tenant_id) as session:
        yield session
        current = of_tenant(session)
        if current is None or current.id != integration.id:
            raise Conflicting(Code.PAIRING_ENDED)


def of_tenant(session: Session, *, lock: bool = False) -> Integration | None:
    """The integration that a tenant is paired with."""
    row = session.execute(_of_tenant(lock=lock), {"tenant_id": session.tenant_id}).one_or_none()
    return None if row is None else _from(row)


@cache
def _of_tenant(*, lock: bool) -> Select[tuple[Any, ...]]:
    """The statement, built once: it runs for every claim and every batch."""
    query = select(*_COLUMNS).where(INTEGRATIONS.c.tenant_id == bindparam("tenant_id"))
    return query.with_for_update() if lock else query


def page_of(
    session: Session,
    account_id: UUID,
    *,
    page: int,
    page_size: int,
    search: str | None,
    state: State | None = None,
) -> Listing:
    """A page (from 1) of an account's integrations, newest first; `search` looks into names and tags."""
    conditions: list[ColumnElement[bool]] = [INTEGRATIONS.c.account_id == account_id]
    if state is not None:
        conditions.append(INTEGRATIONS.c.state == state.value)
    if search:
        conditions.append(INTEGRATIONS.c.name.icontains(search, autoescape=True) | INTEGRATIONS.c.tags.any(search))
    total = session.execute(select(func.count()).select_from(INTEGRATIONS).where(*conditions)).scalar_one()
    rows = session.execute(
        select(*_COLUMNS)
        .where(*conditions)
        .order_by(INTEGRATIONS.c.created_at.desc(), INTEGRATIONS.c.id)
        .limit(page_size)
        .offset((page - 1) * page_size)
    )
    return Listing([_from(row) for row in rows], total)


def change(session: Session, integration_id: UUID, values: Mapping[str, Any]) -> Integration:
    """Change name, description, tags or settings. Raises Missing."""
    if values:
        session.execute(update(INTEGRATIONS).where(INTEGRATIONS.c.id == integration_id).values(**values))
    return get(session, integration_id)


def move_to(
    session: Session, integration_id: UUID, state: State, *, reason: Condition | None = None, **values: object
) -> None:
    """Set the state, its reason and further columns; nothing leads out of `deleting`."""
    session.execute(
        update(INTEGRATIONS)
        .where(INTEGRATIONS.c.id == integration_id, INTEGRATIONS.c.state != State.DELETING.value)
        .values(state=state.value, state_reason=reason, **values)
    )


def park(session: Session, because: str, *, until: datetime, reason: Condition) -> None:
    """Stop all requests to the site but one probe, which is due at `until`."""
    integration = of_tenant(session, lock=True)
    if integration is not None and integration.state.is_working:
        move_to(
            session,
            integration.id,
            State.NEEDS_ATTENTION,
            reason=reason,
            parked_until=until,
            parked_because=because,
        )


def unpark(session: Session) -> bool:
    """Allow requests to the site again. Returns whether the tenant was parked."""
    return bool(
        session.changed(
            update(INTEGRATIONS)
            .where(INTEGRATIONS.c.tenant_id == session.tenant_id, INTEGRATIONS.c.parked_because.is_not(None))
            .values(parked_until=None, parked_because=None)
        )
    )


def mark_ingested(session: Session) -> bool:
    """Note that rows of the tenant were just stored. Returns False if its work has ended: roll the rows back then."""
    return bool(session.changed(_mark_ingested(), {"tenant": session.tenant_id, "now": clock.now()}))


@cache
def _mark_ingested() -> Update:
    """The statement, built once: it runs for every page."""
    is_at_work = (INTEGRATIONS.c.tenant_id == bindparam("tenant"), INTEGRATIONS.c.state.in_(WORKING_STATES))
    return update(INTEGRATIONS).where(*is_at_work).values(last_ingested_at=bindparam("now"))


def mark_polled(session: Session) -> None:
    """Note that a poll of the tenant has just ended cleanly."""
    session.execute(
        update(INTEGRATIONS)
        .where(INTEGRATIONS.c.tenant_id == session.tenant_id, INTEGRATIONS.c.state.in_(WORKING_STATES))
        .values(polled_at=clock.now())
    )


def _from(row: Row[tuple[Any, ...]]) -> Integration:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public accessor has this name
    return Integration(
        **{
            **values,
            "product": Product(values["product"]),
            "method": Method(values["method"]),
            "state": State(values["state"]),
        }
    )
