"""The change feed: every row's newest version once, deletions too, in the order in which they became visible.

Versions are drawn under the tenant's write lock (`store.records`), so a reader that has seen version n never misses one
below it. A row that changes twice between two reads is sent once, as it is now: the feed is a log, compacted. The
cursor is the version reached; it is opaque to readers.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import literal, select, union_all

from app import clock
from app.catalog.registry import all_entities, entity
from app.errors import Malformed
from app.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Row, RowMapping

    from app.catalog.language import Entity
    from app.store.session import Session

MOST = 5000
"""Changes a call hands out at most."""
_LARGEST = 2**63 - 1


class Changes(NamedTuple):
    """One call's changes, oldest first, and where the next call goes on."""

    lines: list[dict[str, Any]]
    next_cursor: str
    has_more: bool


def changes(session: Session, *, cursor: str | None, limit: int, wanted: Iterable[str] = ()) -> Changes:
    """The bound tenant's changes after a cursor, of all entities or the wanted ones. Raises Malformed."""
    after = _position(cursor)
    names = _names(wanted)
    heads = _heads(session, names, after, limit)
    lines = _lines(session, heads)
    reached = str(heads[-1].version) if heads else str(after)
    return Changes(lines, reached, has_more=len(heads) == limit)


def _position(cursor: str | None) -> int:
    if not cursor:
        return 0
    if not cursor.isascii() or not cursor.isdigit() or int(cursor) > _LARGEST:
        raise Malformed("The cursor is not one of ours. Leave it out to start from the beginning.")
    return int(cursor)


def _names(wanted: Iterable[str]) -> list[str]:
    names = list(dict.fromkeys(wanted))
    unknown = [name for name in names if name not in all_entities()]
    if unknown:
        known = ", ".join(all_entities())
        raise Malformed(f"There is no entity {unknown[0]!r}. There are: {known}.")
    return names or list(all_entities())


def _heads(session: Session, names: list[str], after: int, limit: int) -> list[Row[Any]]:
    """Which rows come next, over all tables: each is asked for its first few, and the merge keeps the lowest."""
    parts = [
        select(literal(name).label("entity"), table.c.id, table.c.version)
        .where(table.c.version > after)
        .order_by(table.c.version)
        .limit(limit)
        .subquery()
        .select()
        for name, table in ((name, table_of(entity(name))) for name in names)
    ]
    merged = union_all(*parts).subquery()
    return list(session.execute(select(merged).order_by(merged.c.version).limit(limit)).all())


def _lines(session: Session, heads: list[Row[Any]]) -> list[dict[str, Any]]:
    by_entity: dict[str, list[str]] = {}
    for head in heads:
        by_entity.setdefault(head.entity, []).append(head.id)
    found: dict[tuple[str, str], RowMapping] = {}
    for name, ids in by_entity.items():
        table = table_of(entity(name))
        for row in session.execute(select(table).where(table.c.id.in_(ids))).mappings():
            found[name, row["id"]] = row
    return [_line(entity(head.entity), found[head.entity, head.id], head.version) for head in heads]


def _line(of: Entity, row: RowMapping, version: int) -> dict[str, Any]:
    is_deleted = row["deleted_at"] is not None
    data = (
        {"deleted_at": clock.rfc3339(row["deleted_at"]), "reason": row["deleted_because"]}
        if is_deleted
        else {column.name: plain(row[column.name]) for column in of.columns}
    )
    return {
        "entity": of.name,
        "id": row["id"],
        "op": "delete" if is_deleted else "upsert",
        "version": version,
        "data": data,
    }


def plain(value: object) -> object:
    """A value as JSON carries it: moments in RFC 3339 with milliseconds, days as they are."""
    if isinstance(value, datetime):
        return clock.rfc3339(value)
    return value.isoformat() if isinstance(value, date) else value
