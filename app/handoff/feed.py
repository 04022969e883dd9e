"""The change feed: the newest version of every row, deletions included, in order of visibility.

Versions are allocated under the tenant's write lock (`store.records`), so a reader that has seen version n never misses
a lower one. The feed is a compacted log: a row that changes twice between two reads is sent once, in its present form.
The cursor is the last version sent; it is opaque to readers.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from sqlalchemy import Text, cast, literal, select, union_all

from app import clock
from app.catalog.language import Kind
from app.catalog.registry import all_entities, entity
from app.conditions import Code
from app.errors import Malformed
from app.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement, Row, RowMapping

    from app.catalog.language import Entity
    from app.store.session import Session

MAX_CHANGES = 5000
"""Limit of changes a call."""
_LARGEST = 2**63 - 1


class Changes(NamedTuple):
    """The changes of one call, oldest first, and the cursor of the next call."""

    lines: list[dict[str, Any]]
    next_cursor: str
    has_more: bool


def changes(session: Session, *, cursor: str | None, limit: int, entity_names: Iterable[str] = ()) -> Changes:
    """The bound tenant's changes after a cursor, of all entities or the named ones. Raises Malformed."""
    after = _position(cursor)
    names = _names(entity_names)
    heads = _heads(session, names, after, limit)
    lines = _lines(session, heads)
    next_cursor = str(heads[-1].version) if heads else str(after)
    return Changes(lines, next_cursor, has_more=len(heads) == limit)


def _position(cursor: str | None) -> int:
    if not cursor:
        return 0
    if not cursor.isascii() or not cursor.isdigit() or int(cursor) > _LARGEST:
        raise Malformed(Code.BAD_CURSOR)
    return int(cursor)


def _names(entity_names: Iterable[str]) -> list[str]:
    names = list(dict.fromkeys(entity_names))
    unknown_names = [name for name in names if name not in all_entities()]
    if unknown_names:
        listing = ", ".join(all_entities())
        raise Malformed(Code.UNKNOWN_ENTITY, entity=unknown_names[0], entities=listing)
    return names or list(all_entities())


def _heads(session: Session, names: list[str], after: int, limit: int) -> list[Row[Any]]:
    """The next rows of all tables: each table contributes its first few, and the merge keeps the lowest versions."""
    parts = [
        select(literal(name).label("entity"), table.c.id, table.c.version)
        .where(table.c.version > after)
        .order_by(table.c.version)
        .limit(limit)
        .subquery()
        .select()
        for name, table in ((name, table_of(entity(name))) for name in names)
    ]
    merged_heads = union_all(*parts).subquery()
    return list(session.execute(select(merged_heads).order_by(merged_heads.c.version).limit(limit)).all())


def _lines(session: Session, heads: list[Row[Any]]) -> list[dict[str, Any]]:
    """The rows of the heads, without those that were erased or written again meanwhile: these have a later version."""
    by_entity: dict[str, list[str]] = {}
    for head in heads:
        by_entity.setdefault(head.entity, []).append(head.id)
    rows: dict[tuple[str, str, int], RowMapping] = {}
    for name, ids in by_entity.items():
        declaration = entity(name)
        query = select(*_columns(declaration)).where(table_of(declaration).c.id.in_(ids))
        rows |= {(name, row["id"], row["version"]): row for row in session.execute(query).mappings()}
    keys = [(head.entity, head.id, head.version) for head in heads]
    return [_line(entity(key[0]), rows[key]) for key in keys if key in rows]


@cache
def _columns(declaration: Entity) -> tuple[ColumnElement[Any], ...]:
    """The columns of a line. JSON stays text: as Python's numbers, those beyond 64 bits could not be written again."""
    columns = table_of(declaration).c
    names = ("id", "version", "deleted_at", "deleted_because")
    values = (
        cast(columns[column.name], Text).label(column.name) if column.kind is Kind.JSON else columns[column.name]
        for column in declaration.columns
    )
    return (*(columns[name] for name in names), *values)


def _line(declaration: Entity, row: RowMapping) -> dict[str, Any]:
    is_deleted = row["deleted_at"] is not None
    data = (
        {"deleted_at": clock.rfc3339(row["deleted_at"]), "reason": row["deleted_because"]}
        if is_deleted
        else {column.name: _written(column.kind, row[column.name]) for column in declaration.columns}
    )
    return {
        "entity": declaration.name,
        "id": row["id"],
        "op": "delete" if is_deleted else "upsert",
        "version": row["version"],
        "data": data,
    }


def _written(kind: Kind, value: Any) -> object:  # noqa: ANN401 - a column's value
    return orjson.Fragment(value) if kind is Kind.JSON and value is not None else plain(value)


def plain(value: object) -> object:
    """A value in JSON: moments in RFC 3339 with milliseconds, days in ISO 8601."""
    if isinstance(value, datetime):
        return clock.rfc3339(value)
    return value.isoformat() if isinstance(value, date) else value
