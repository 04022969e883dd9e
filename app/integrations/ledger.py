"""Integrations as rows: create, find, change. Sessions are bound to the account or the tenant; rows of others do not exist."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, select, update

from app import clock, ids
from app.errors import Conflicting, Missing
from app.integrations.model import Integration, Method, Product, State
from app.store.schema import INTEGRATIONS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import ColumnElement, Row

    from app.store.session import Session

_COLUMNS = tuple(INTEGRATIONS.c[each.name] for each in fields(Integration))


_BY_ADMIN = "Paused by an SEI admin."
WORKING = tuple(state.value for state in State if state.is_working)
"""The states in which workers pull."""


class Draft(NamedTuple):
    """What an SEI admin gives to create an integration."""

    name: str
    description: str
    tags: list[str]
    product: Product
    method: Method
    settings: dict[str, Any]


class Listing(NamedTuple):
    """One page of integrations and the count of all that match."""

    found: list[Integration]
    total: int


def create(session: Session, account_id: UUID, draft: Draft) -> Integration:
    """A new integration, waiting to be paired."""
    known = ids.new()
    session.execute(
        INTEGRATIONS.insert().values(id=known, account_id=account_id, state=State.PENDING.value, **draft._asdict())
    )
    return get(session, known)


def get(session: Session, integration_id: UUID, *, lock: bool = False) -> Integration:
    """An integration that the session may see. Raises Missing."""
    query = select(*_COLUMNS).where(INTEGRATIONS.c.id == integration_id)
    row = session.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise Missing("There is no such integration.")
    return _from(row)


def of_tenant(session: Session, *, lock: bool = False) -> Integration | None:
    """The integration that a tenant is paired with."""
    query = select(*_COLUMNS).where(INTEGRATIONS.c.tenant_id == session.tenant_id)
    row = session.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else _from(row)


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
    where: list[ColumnElement[bool]] = [INTEGRATIONS.c.account_id == account_id]
    if state is not None:
        where.append(INTEGRATIONS.c.state == state.value)
    if search:
        where.append(INTEGRATIONS.c.name.icontains(search, autoescape=True) | INTEGRATIONS.c.tags.any(search))
    total = session.execute(select(func.count()).select_from(INTEGRATIONS).where(*where)).scalar_one()
    rows = session.execute(
        select(*_COLUMNS)
        .where(*where)
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


def move_to(session: Session, integration_id: UUID, state: State, *, reason: str | None = None, **also: object) -> None:
    """Put an integration into a state, with the reason people are shown; one that is being deleted stays so."""
    session.execute(
        update(INTEGRATIONS)
        .where(INTEGRATIONS.c.id == integration_id, INTEGRATIONS.c.state != State.DELETING.value)
        .values(state=state.value, state_reason=reason, **also)
    )


def pause(session: Session, integration_id: UUID) -> Integration:
    """Stop pulling until resumed. Raises Missing, Conflicting."""
    held = get(session, integration_id, lock=True)
    if held.tenant_id is None or not (held.state.is_working or held.state is State.PAUSED):
        raise Conflicting("Only a connected integration can be paused.")
    move_to(session, integration_id, State.PAUSED, reason=_BY_ADMIN)
    return get(session, integration_id)


def resume(session: Session, integration_id: UUID) -> Integration:
    """Pull again and catch up. Raises Missing, Conflicting."""
    held = get(session, integration_id, lock=True)
    if held.tenant_id is None or held.state in {State.PENDING, State.DISCONNECTED, State.DELETING}:
        raise Conflicting("Only a connected integration can be resumed.")
    if held.state is State.PAUSED:
        is_read = held.verified_at is not None
        move_to(session, integration_id, State.DELAYED if is_read else State.BACKFILLING)
    return get(session, integration_id)


def disconnect(session: Session, *, reason: str) -> bool:
    """The site disabled the app: work stops, the pairing stays, and what it was before is kept. Returns whether it was."""
    held = of_tenant(session, lock=True)
    if held is None or not (held.state.is_working or held.state is State.PAUSED):
        return False
    move_to(session, held.id, State.DISCONNECTED, reason=reason, state_before=held.state.value)
    return True


def reconnect(session: Session) -> bool:
    """The site enabled the app again: what was paused is paused, what worked works. Returns whether it works now."""
    held = of_tenant(session, lock=True)
    if held is None or held.state is not State.DISCONNECTED or held.state_before is None:
        return False
    if held.state_before == State.PAUSED.value:
        move_to(session, held.id, State.PAUSED, reason=_BY_ADMIN, state_before=None)
        return False
    state = State.DELAYED if held.verified_at is not None else State.BACKFILLING
    move_to(session, held.id, state, state_before=None, parked_until=None, parked_because=None)
    return True


def park(session: Session, because: str, *, until: datetime, reason: str) -> None:
    """Ask nothing of the site until a probe succeeds; the next is due at a moment."""
    held = of_tenant(session, lock=True)
    if held is not None and held.state.is_working:
        also = {"parked_until": until, "parked_because": because}
        move_to(session, held.id, State.NEEDS_ATTENTION, reason=reason, **also)


def unpark(session: Session) -> bool:
    """Ask again. Returns whether the tenant was parked."""
    is_parked = (INTEGRATIONS.c.tenant_id == session.tenant_id, INTEGRATIONS.c.parked_because.is_not(None))
    return bool(session.changed(update(INTEGRATIONS).where(*is_parked).values(parked_until=None, parked_because=None)))


def mark_ingested(session: Session) -> bool:
    """Note that rows of the tenant were just stored. Returns False where nobody wants them any more: undo them then."""
    return bool(
        session.changed(
            update(INTEGRATIONS)
            .where(INTEGRATIONS.c.tenant_id == session.tenant_id, INTEGRATIONS.c.state.in_(WORKING))
            .values(last_ingested_at=clock.now())
        )
    )


def mark_polled(session: Session) -> None:
    """Note that a poll of the tenant has just ended cleanly."""
    is_its = (INTEGRATIONS.c.tenant_id == session.tenant_id, INTEGRATIONS.c.state.in_(WORKING))
    session.execute(update(INTEGRATIONS).where(*is_its).values(polled_at=clock.now()))


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
