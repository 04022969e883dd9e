"""Poison records, unreadable or impossible to store: their entity, the reason and a hash, never their content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from app import ids
from app.store.schema import POISON

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from app.conditions import Condition
    from app.store.session import Session


@dataclass(frozen=True)
class Parked:
    """A poison record: its entity, the reason, and the record's SHA-256 in hexadecimal."""

    entity: str
    reason: Condition
    digest: str
    seen_at: datetime | None = None


def park(session: Session, records: Iterable[Parked]) -> None:
    """Store poison records, each once."""
    rows = [
        {
            "tenant_id": session.tenant_id,
            "id": ids.new(),
            "entity": record.entity,
            "reason": record.reason,
            "digest": record.digest,
        }
        for record in records
    ]
    if rows:
        session.execute(insert(POISON).on_conflict_do_nothing(), rows)


def newest(session: Session, limit: int) -> list[Parked]:
    """The bound tenant's poison records, newest first."""
    columns = (POISON.c.entity, POISON.c.reason, POISON.c.digest, POISON.c.seen_at)
    rows = session.execute(select(*columns).order_by(POISON.c.seen_at.desc(), POISON.c.id).limit(limit))
    return [Parked(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public accessor has this name


def count(session: Session, entity: str | None = None) -> int:
    """The number of the bound tenant's poison records, of one entity or of all."""
    query = select(func.count()).select_from(POISON)
    return int(session.execute(query.where(POISON.c.entity == entity) if entity else query).scalar_one())


def forget(session: Session) -> None:
    """Delete the bound tenant's poison records, before everything is read again."""
    session.execute(delete(POISON))
