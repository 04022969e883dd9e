"""Columns that repeat what another entity's row says: names of statuses on issues and the like, kept equal to it.

Jira shows a new name on every issue at once and moves no issue's `updated`, so neither webhooks nor polls tell of it.
What was read later wins: an issue that was read after the status is not put back to an older name.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import func, select, text

from app.catalog.registry import copied_from, copied_to, entity
from app.store.schema import ROW_VERSION
from app.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import TextClause

    from app.catalog.language import Copy, Entity
    from app.store.session import Session


def renew_from(session: Session, named: Entity, ids: Collection[str]) -> int:
    """Repeat what these rows say now wherever it is repeated. Call it under the write lock; returns how many rows changed."""
    return sum(_run(session, _sql(named, copy, "named"), ids) for _, copy in copied_from(named.name))


def renew_on(session: Session, holder: Entity, ids: Collection[str], *, read_at: datetime) -> int:
    """Repeat on these rows what changed after they were read: a page may be stored behind the list that renamed.

    Call it under the write lock; returns how many rows changed.
    """
    named = [each for each, _ in copied_to(holder.name)]
    newest = session.execute(select(*(select(func.max(table_of(each).c.read_at)).scalar_subquery() for each in named)))
    late = [
        (each, copy)
        for (each, copy), latest in zip(copied_to(holder.name), newest.one(), strict=True)
        if latest is not None and latest > read_at
    ]
    return sum(_run(session, _sql(each, copy, "held"), ids) for each, copy in late)


def _run(session: Session, statement: TextClause, ids: Collection[str]) -> int:
    return session.changed(statement.bindparams(tenant_id=session.tenant_id, ids=list(ids))) if ids else 0


@cache
def _sql(of: Entity, copy: Copy, side: str) -> TextClause:
    ours = ", ".join(f'held."{name}"' for name in copy.columns)
    theirs = ", ".join(f'named."{name}"' for name in copy.columns.values())
    sets = ", ".join(f'"{name}" = named."{other}"' for name, other in copy.columns.items())
    return text(
        f"UPDATE {table_of(entity(copy.on)).name} AS held SET {sets}, version = nextval('{ROW_VERSION.name}')"  # noqa: S608 - our own names
        f" FROM {table_of(of).name} AS named"
        f" WHERE held.tenant_id = :tenant_id AND named.tenant_id = :tenant_id AND held.{copy.by} = named.id"
        " AND held.deleted_at IS NULL AND named.deleted_at IS NULL AND named.read_at > held.read_at"
        f" AND ({ours}) IS DISTINCT FROM ({theirs}) AND {side}.id = ANY (CAST(:ids AS text[]))"
    )
