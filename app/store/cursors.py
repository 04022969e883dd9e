"""The cursors of a tenant's polls and sweeps, and their leases.

One worker at a time holds a cursor, under a lease that expires when the worker dies. A cursor moves in the transaction
of the walk's rows, and only under its lease.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app import clock, ids
from app.errors import AppError
from app.store.sync_tables import CURSORS

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from app.store.session import Session

LEASE = timedelta(seconds=30)
"""Life of a lease without renewal, longer than Jira may take to begin an answer. Every move renews it."""


class CursorLost(AppError):
    """Another worker holds the cursor now; nothing was written."""


@dataclass(frozen=True)
class Cursor:
    """A cursor under a lease."""

    name: str
    lease: UUID
    reached: int
    """Watermark, epoch ms by the site's clock: all earlier changes are stored. 0: never walked."""
    scope_id: str
    began: int | None
    """Start of the present walk by the site's clock, epoch ms."""
    page_token: str | None
    ended_at: datetime | None


def take(session: Session, name: str, *, lease_for: timedelta = LEASE) -> Cursor | None:
    """Take a cursor; None while another worker holds it, or before the end of its pause.

    `lease_for` is the life of the lease without renewal.
    """
    now, lease = clock.now(), ids.new()
    statement = insert(CURSORS).values(
        tenant_id=session.tenant_id, name=name, lease=lease, leased_until=now + lease_for
    )
    is_free = or_(CURSORS.c.leased_until.is_(None), CURSORS.c.leased_until <= now)
    upsert = statement.on_conflict_do_update(
        index_elements=["tenant_id", "name"], set_={"lease": lease, "leased_until": now + lease_for}, where=is_free
    )
    columns = (CURSORS.c[column] for column in Cursor.__dataclass_fields__)
    row = session.execute(upsert.returning(*columns)).one_or_none()
    return None if row is None else Cursor(**row._asdict())


def move(session: Session, cursor: Cursor, *, lease_for: timedelta = LEASE, **values: object) -> None:
    """Store the cursor's progress, in the transaction of the walk's rows. Raises CursorLost."""
    is_held = (CURSORS.c.name == cursor.name, CURSORS.c.lease == cursor.lease)
    values = {"leased_until": clock.now() + lease_for, **values}
    if session.changed(update(CURSORS).where(*is_held).values(**values)) != 1:
        raise CursorLost(cursor.name)


def give_back(session: Session, cursor: Cursor, *, until: datetime | None = None) -> None:
    """Release a cursor, at once or from a moment on; a cursor lost meanwhile stays lost."""
    is_held = (CURSORS.c.name == cursor.name, CURSORS.c.lease == cursor.lease)
    session.execute(update(CURSORS).where(*is_held).values(lease=None, leased_until=until))


def reached(session: Session, name: str) -> int:
    """The watermark of the bound tenant's cursor, epoch ms; 0 where there is none."""
    return session.execute(select(CURSORS.c.reached).where(CURSORS.c.name == name)).scalar_one_or_none() or 0
