"""Denormalised columns, such as the status name on issues, updated when their source is renamed.

Jira shows a new name on every issue at once without bumping any issue's `updated`, so neither webhooks nor polls report
it. The later read wins: an issue read after the status does not get an older name back.
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


def renew_from(session: Session, source: Entity, ids: Collection[str]) -> int:
    """Propagate these rows to their copies. Call it under the write lock. Returns the number of changed rows."""
    return sum(_run(session, _sql(source, copy, "source"), ids) for _, copy in copied_from(source.name))


def renew_on(session: Session, target: Entity, ids: Collection[str], *, read_at: datetime) -> int:
    """Update the copies on these rows from sources with a later read: a page may be stored after a list with new names.

    Call it under the write lock. Returns the number of changed rows.
    """
    sources = [source for source, _ in copied_to(target.name)]
    newest = session.execute(
        select(*(select(func.max(table_of(source).c.read_at)).scalar_subquery() for source in sources))
    )
    late = [
        (source, copy)
        for (source, copy), latest in zip(copied_to(target.name), newest.one(), strict=True)
        if latest is not None and latest > read_at
    ]
    return sum(_run(session, _sql(source, copy, "target"), ids) for source, copy in late)


def _run(session: Session, statement: TextClause, ids: Collection[str]) -> int:
    return session.changed(statement.bindparams(tenant_id=session.tenant_id, ids=list(ids))) if ids else 0


@cache
def _sql(source: Entity, copy: Copy, side: str) -> TextClause:
    old_values = ", ".join(f'target."{name}"' for name in copy.columns)
    new_values = ", ".join(f'source."{name}"' for name in copy.columns.values())
    sets = ", ".join(f'"{name}" = source."{source_column}"' for name, source_column in copy.columns.items())
    return text(
        f"UPDATE {table_of(entity(copy.on)).name} AS target SET {sets}, version = nextval('{ROW_VERSION.name}')"  # noqa: S608 - our own names
        f" FROM {table_of(source).name} AS source"
        f" WHERE target.tenant_id = :tenant_id AND source.tenant_id = :tenant_id AND target.{copy.by} = source.id"
        " AND target.deleted_at IS NULL AND source.deleted_at IS NULL AND NOT source.is_stub"
        " AND source.read_at > target.read_at"
        f" AND ({old_values}) IS DISTINCT FROM ({new_values}) AND {side}.id = ANY (CAST(:ids AS text[]))"
    )
