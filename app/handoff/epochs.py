"""Epochs of the feed: the spans in which cursors of one pairing, from one running database, stand in one line.

A database that is put back to an earlier state repeats versions and loses rows, and nothing in its rows says so. It is
noticed by three facts that no restore keeps together: when the server was started, the ids of database and table, and
the transaction that wrote the epoch's own row. A restored server was started again; a copied database has another id; a
restored dump has another table, or at least rows of other transactions. Any of them, and any new pairing, ends the
epoch.

An ended epoch stays with the number of its hand-outs. A cursor with a higher number was handed out in the lost part of
the history; a lower one was handed out before the backup, and its reader has read nothing that was lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import delete, text

from app import ids, logs
from app.conditions import Code
from app.errors import StartAnew
from app.store.sync_tables import FEED_EPOCHS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from sqlalchemy import Row

    from app.handoff.cursor import Cursor
    from app.store.session import Session

log = logs.get(__name__)

REMEMBERED = 1000
"""Epochs of a tenant before the oldest are dropped: a restart of PostgreSQL every day for almost three years."""

_SERVER = (
    "concat_ws('/', extract(epoch FROM pg_postmaster_start_time()),"
    " (SELECT oid FROM pg_database WHERE datname = current_database()), CAST(CAST('feed_epochs' AS regclass) AS oid))"
)
_TRANSACTION = "CAST(CAST(pg_current_xact_id() AS text) AS bigint) & 4294967295"
"""As `xmin` shows it: without the count of wraparounds."""
_LOOK = text(
    "SELECT pairing.id AS integration_id, epoch.id, epoch.number, epoch.handouts,"  # noqa: S608 - our own names
    " epoch.integration_id = pairing.id AND epoch.paired_at IS NOT DISTINCT FROM pairing.paired_at AS is_of_pairing,"
    f" epoch.server = {_SERVER} AND epoch.written_in = CAST(CAST(epoch.xmin AS text) AS bigint) AS is_running"
    " FROM integrations AS pairing LEFT JOIN feed_epochs AS epoch"
    " ON epoch.number = (SELECT max(number) FROM feed_epochs) OR epoch.id = :epoch_id"
    " WHERE pairing.tenant_id = :tenant_id ORDER BY epoch.number DESC"
)
_OPEN = text(
    "INSERT INTO feed_epochs (tenant_id, number, id, integration_id, paired_at, server, written_in)"  # noqa: S608 - our own names
    f" SELECT :tenant_id, :number, :id, id, paired_at, {_SERVER}, {_TRANSACTION}"
    " FROM integrations WHERE tenant_id = :tenant_id ON CONFLICT DO NOTHING"
)
_COUNT = text(
    f"UPDATE feed_epochs SET handouts = handouts + 1, written_in = {_TRANSACTION}"  # noqa: S608 - our own names
    " WHERE id = :id RETURNING handouts"
)


class Epoch(NamedTuple):
    """The present epoch."""

    id: UUID
    handouts: int
    """Hand-outs so far."""


def enter(session: Session, integration_id: UUID, cursor: Cursor | None) -> Epoch:
    """The present epoch of the bound tenant, opened where the last one has ended.

    Raises StartAnew if the cursor is of another life: of another pairing, or handed out after the backup from which the
    database was restored.
    """
    rows = _look(session, integration_id, cursor)
    if not (rows[0].is_of_pairing and rows[0].is_running):
        _open(session, rows[0])
        rows = _look(session, integration_id, cursor)
    if cursor is not None:
        _check(rows, cursor)
    return Epoch(rows[0].id, rows[0].handouts)


def count_handout(session: Session, epoch: Epoch) -> int:
    """Book one hand-out of rows. Returns its number. Raises StartAnew if the tenant's data was just erased."""
    number = session.execute(_COUNT, {"id": epoch.id}).scalar_one_or_none()
    if number is None:
        raise StartAnew(Code.CURSOR_OF_ANOTHER_LIFE)
    return int(number)


def _look(session: Session, integration_id: UUID, cursor: Cursor | None) -> Sequence[Row[Any]]:
    """The newest epoch, and the cursor's if it is another one; one empty row where there is none."""
    parameters = {"tenant_id": session.tenant_id, "epoch_id": cursor.epoch_id if cursor else None}
    rows = session.execute(_LOOK, parameters).all()
    if not rows or rows[0].integration_id != integration_id:
        # The integration moved to another site after the caller found it here.
        raise StartAnew(Code.CURSOR_OF_ANOTHER_LIFE)
    return rows


def _open(session: Session, newest: Row[Any]) -> None:
    """Open the next epoch, unless another call just did."""
    number = (newest.number or 0) + 1
    if session.changed(_OPEN.bindparams(tenant_id=session.tenant_id, number=number, id=ids.new())) and newest.number:
        because = "the database was started or restored" if newest.is_of_pairing else "the site was paired"
        log.info("a new epoch of the feed", tenant_id=str(session.tenant_id), number=number, because=because)
        session.execute(delete(FEED_EPOCHS).where(FEED_EPOCHS.c.number <= number - REMEMBERED))


def _check(rows: Sequence[Row[Any]], cursor: Cursor) -> None:
    epoch = next((row for row in rows if row.id == cursor.epoch_id), None)
    if epoch is None or not epoch.is_of_pairing:
        raise StartAnew(Code.CURSOR_OF_ANOTHER_LIFE)
    if cursor.handout > epoch.handouts:
        raise StartAnew(Code.CURSOR_AHEAD)
