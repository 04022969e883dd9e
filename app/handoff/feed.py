"""The change feed: the newest version of every row, deletions included, in order of visibility.

Versions are allocated under the tenant's write lock (`store.records`), so a reader that has seen version n never misses
a lower one. The feed is a compacted log: a row that changes twice between two reads is sent once, in its present form.
A cursor that is not of this feed's history is refused (`handoff.epochs`). docs/feed.md has the rules for readers.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from sqlalchemy import Text, cast, literal, select, union_all

from app import clock
from app.catalog.field_policy import FieldPolicy
from app.catalog.language import Kind
from app.catalog.registry import all_entities, entity, stub_entities
from app.catalog.withholding import without_excluded
from app.conditions import Code
from app.errors import Malformed, StartAnew
from app.handoff import epochs
from app.handoff.cursor import Cursor, parse
from app.ingest.planning import exclusions, field_policy
from app.integrations import ledger
from app.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from sqlalchemy import ColumnElement, Row, RowMapping

    from app.catalog.language import Entity
    from app.store.session import Session

MAX_CHANGES = 5000
"""Limit of changes a call."""


class Changes(NamedTuple):
    """The changes of one call, oldest first, and the reader's place after them."""

    lines: list[dict[str, Any]]
    cursor: Cursor
    has_more: bool


def changes(
    session: Session, integration_id: UUID, *, cursor: str | None, limit: int, entity_names: Iterable[str] = ()
) -> Changes:
    """The bound tenant's changes after a cursor, of all entities or the named ones.

    Raises Malformed, and StartAnew for a cursor that doesn't belong to this feed or to these entities.
    """
    names = _names(entity_names)
    place = parse(cursor)
    if place is not None and not place.covers(names):
        raise StartAnew(Code.CURSOR_OF_OTHER_ENTITIES)
    epoch = epochs.enter(session, integration_id, place)
    if place is None:
        place = Cursor(epoch.id, epoch.handouts, 0, secrets.token_hex(8), is_pass_complete=False, entities=names)
    heads = _heads(session, names or tuple(all_entities()), place, limit)
    lines = _lines(session, heads, _policy(session))
    has_more = len(heads) == limit or len(lines) < len(heads)
    is_complete = place.is_pass_complete or not has_more
    if not heads:
        # An unchanged place costs no write, and stays true: its reader has everything up to this version.
        return Changes(lines, replace(place, is_pass_complete=is_complete), has_more)
    handout = epochs.count_handout(session, epoch)
    return Changes(lines, Cursor(epoch.id, handout, heads[-1].version, place.pass_id, is_complete, names), has_more)


def _names(entity_names: Iterable[str]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(entity_names))
    unknown_names = [name for name in names if name not in all_entities()]
    if unknown_names:
        listing = ", ".join(all_entities())
        raise Malformed(Code.UNKNOWN_ENTITY, entity=unknown_names[0], entities=listing)
    return names


def _heads(session: Session, names: tuple[str, ...], place: Cursor, limit: int) -> list[Row[Any]]:
    """The next rows of all tables: each table contributes its first few, and the merge keeps the lowest versions.

    The row at the place itself is asked for as well: it is there unless it has a newer version or the tables were
    erased or put back. Raises StartAnew then.
    """
    parts = [
        select(literal(name).label("entity"), table.c.id, table.c.version)
        .where(table.c.version >= place.version)
        .order_by(table.c.version)
        .limit(limit + 1)
        .subquery()
        .select()
        for name, table in ((name, table_of(entity(name))) for name in names)
    ]
    merged_heads = union_all(*parts).subquery()
    heads = session.execute(select(merged_heads).order_by(merged_heads.c.version).limit(limit + 1)).all()
    if not heads and place.version and _is_all_of(place, names):
        raise StartAnew(Code.CURSOR_AHEAD)
    return [head for head in heads if head.version > place.version][:limit]


def _is_all_of(place: Cursor, names: tuple[str, ...]) -> bool:
    """Whether the row at the place must be among these entities' rows."""
    return set(place.entities or all_entities()) <= set(names)


def _policy(session: Session) -> FieldPolicy:
    """The exclusions in force: rows keep excluded text until a job has removed it."""
    integration = ledger.of_tenant(session) if exclusions.standing(session)[0] else None
    return FieldPolicy() if integration is None else field_policy.load(session, integration)


def _lines(session: Session, heads: list[Row[Any]], policy: FieldPolicy) -> list[dict[str, Any]]:
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
    return [_line(entity(key[0]), rows[key], policy) for key in keys if key in rows]


@cache
def _columns(declaration: Entity) -> tuple[ColumnElement[Any], ...]:
    """The columns of a line. JSON stays text: as Python's numbers, those beyond 64 bits could not be written again."""
    columns = table_of(declaration).c
    names = ["id", "version", "read_at", "deleted_at", "deleted_because"]
    names += ["is_stub"] * (declaration in stub_entities())
    values = (
        cast(columns[column.name], Text).label(column.name) if column.kind is Kind.JSON else columns[column.name]
        for column in declaration.columns
    )
    return (*(columns[name] for name in names), *values)


def _line(declaration: Entity, row: RowMapping, policy: FieldPolicy) -> dict[str, Any]:
    is_excluded = row["deleted_at"] is None and not policy.may_keep(declaration.name)
    is_deleted = row["deleted_at"] is not None or is_excluded
    data: dict[str, Any]
    if is_excluded:
        data = {"deleted_at": clock.rfc3339(row["read_at"]), "reason": "excluded"}
    elif is_deleted:
        data = {"deleted_at": clock.rfc3339(row["deleted_at"]), "reason": row["deleted_because"]}
    else:
        values = without_excluded(declaration, row, policy) if policy.excluded else row
        data = {column.name: _written(column.kind, values[column.name]) for column in declaration.columns}
        if declaration in stub_entities():
            data["is_stub"] = row["is_stub"]
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
