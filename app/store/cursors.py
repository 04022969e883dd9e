"""How far each poll and sweep of a tenant has come, and who is at it.

One worker at a time: taking a cursor draws a lease that runs out by itself when its holder dies. A cursor moves in the
transaction of what the walk brought, and only under its lease.
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
"""How long a silent holder keeps a cursor: longer than Jira may take to begin an answer. Every move renews it."""


class CursorLost(AppError):
    """Somebody else holds the cursor now; nothing was written."""


@dataclass(frozen=True)
class Cursor:
    """A cursor that is held."""

    name: str
    lease: UUID
    reached: int
    """Epoch ms by the site's clock: whatever changed before is here. 0: never walked."""
    scope_id: str
    began: int | None
    """The site's time when the walk under way began, epoch ms."""
    page_token: str | None
    ended_at: datetime | None


def take(session: Session, name: str, *, lease_for: timedelta = LEASE) -> Cursor | None:
    """Take a cursor; None while somebody else has it, or until the moment to which it was put off.

    `lease_for` is how long others leave it to a holder that died.
    """
    now, lease = clock.now(), ids.new()
    made = insert(CURSORS).values(tenant_id=session.tenant_id, name=name, lease=lease, leased_until=now + lease_for)
    is_free = or_(CURSORS.c.leased_until.is_(None), CURSORS.c.leased_until <= now)
    taken = made.on_conflict_do_update(
        index_elements=["tenant_id", "name"], set_={"lease": lease, "leased_until": now + lease_for}, where=is_free
    )
    columns = (CURSORS.c[each] for each in Cursor.__dataclass_fields__)
    row = session.execute(taken.returning(*columns)).one_or_none()
    return None if row is None else Cursor(**row._asdict())


def move(session: Session, cursor: Cursor, *, lease_for: timedelta = LEASE, **values: object) -> None:
    """Write how far it is, in the transaction of what was brought. Raises CursorLost."""
    is_held = (CURSORS.c.name == cursor.name, CURSORS.c.lease == cursor.lease)
    values = {"leased_until": clock.now() + lease_for, **values}
    if session.changed(update(CURSORS).where(*is_held).values(**values)) != 1:
        raise CursorLost(cursor.name)


def give_back(session: Session, cursor: Cursor, *, until: datetime | None = None) -> None:
    """Let others take it, at once or from a moment on; one that was lost meanwhile stays lost."""
    is_held = (CURSORS.c.name == cursor.name, CURSORS.c.lease == cursor.lease)
    session.execute(update(CURSORS).where(*is_held).values(lease=None, leased_until=until))


def reached(session: Session, name: str) -> int:
    """How far a cursor of the bound tenant is, epoch ms; 0 where there is none."""
    return session.execute(select(CURSORS.c.reached).where(CURSORS.c.name == name)).scalar_one_or_none() or 0
