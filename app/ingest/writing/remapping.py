"""Computes columns of stored issues again from their custom fields, after the settings map other fields to them.

Nothing is asked of Jira for it. Issues with a value that the stored fields can't tell are returned: a due date or an
epic that was mapped hides Jira's target, and a sprint may not be stored yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import ARRAY, Text, case, cast, column, func, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB

from app.catalog.conversion import CONVERTERS, FAULTS
from app.catalog.language import Item, Kind
from app.catalog.registry import entity
from app.catalog.site_mapping import HIDING
from app.store import records
from app.store.schema import ROW_VERSION
from app.store.tables import is_live, table_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from uuid import UUID

    from sqlalchemy import ColumnElement, Table

    from app.catalog.field_policy import FieldPolicy
    from app.catalog.language import Column
    from app.catalog.site_mapping import Meaning
    from app.store.session import Session, Store

_BATCH = 2000
"""Issues that one transaction looks through, under the tenant's write lock."""


def remap(
    store: Store, tenant_id: UUID, policy: FieldPolicy, meanings: Collection[Meaning], former_fields: Collection[str]
) -> set[str]:
    """Compute the columns of some kinds of fields in all issues. Returns the issues to read again.

    `former_fields` are the fields that were mapped to these kinds before.
    """
    columns = [own_column for own_column in entity("issue").columns if own_column.site_kind in meanings]
    unclear_ids: set[str] = set()
    for lower, upper in _ranges(store, tenant_id):
        with store.bound_to(tenant_id) as session:
            records.lock_for_writing(session)
            unclear_ids |= _remap_range(session, columns, policy, former_fields, _between(lower, upper))
    return unclear_ids


def keep_custom_fields(store: Store, tenant_id: UUID, field_ids: Sequence[str]) -> None:
    """Drop all custom fields but some from the stored issues."""
    table = table_of(entity("issue"))
    kept_values = (
        select(func.coalesce(func.jsonb_object_agg(column("key"), column("value")), cast({}, JSONB)))
        .select_from(func.jsonb_each(table.c.custom).table_valued("key", column("value", JSONB)))
        .where(column("key").in_(field_ids))
        .scalar_subquery()
    )
    for lower, upper in _ranges(store, tenant_id):
        with store.bound_to(tenant_id) as session:
            records.lock_for_writing(session)
            is_wider = func.jsonb_typeof(table.c.custom) == "object"
            is_wider &= table.c.custom.op("-")(cast([*field_ids], ARRAY(Text))) != cast({}, JSONB)
            statement = update(table).where(_between(lower, upper), is_wider)
            session.execute(statement.values(custom=kept_values, version=_next_version(table)))


def _ranges(store: Store, tenant_id: UUID) -> list[tuple[str, str | None]]:
    """Ranges of ids, behind the first up to the second; None: to the end."""
    table, ranges, lower = table_of(entity("issue")), [], ""
    while True:
        with store.bound_to(tenant_id) as session:
            remaining_ids = select(table.c.id).where(table.c.id > lower).order_by(table.c.id)
            upper = session.execute(remaining_ids.offset(_BATCH - 1).limit(1)).scalar_one_or_none()
        ranges.append((lower, upper))
        if upper is None:
            return ranges
        lower = upper


def _between(lower: str, upper: str | None) -> ColumnElement[bool]:
    table = table_of(entity("issue"))
    return table.c.id > lower if upper is None else (table.c.id > lower) & (table.c.id <= upper)


def _remap_range(
    session: Session,
    columns: Sequence[Column],
    policy: FieldPolicy,
    former_fields: Collection[str],
    within: ColumnElement[bool],
) -> set[str]:
    table = table_of(entity("issue"))
    fields = sorted(
        {*former_fields, *(field for target in columns for field in getattr(policy, target.site_kind or "", ()))}
    )
    holds = or_(
        *(table.c.custom.has_key(field) for field in fields), *(table.c[target.name].is_not(None) for target in columns)
    )
    query = select(table.c.id, table.c.custom, *(table.c[target.name] for target in columns))
    values: dict[str, dict[str, object]] = {target.name: {} for target in columns}
    unclear_ids: set[str] = set()
    for row in session.execute(query.where(within, holds, is_live(entity("issue")))):
        item = Item({"fields": row.custom if isinstance(row.custom, dict) else {}}, None, policy)
        for target in columns:
            value = _value(target, item)
            if value is None and target.site_kind in HIDING:
                # Jira's own value counts from now on, if a mapped one has hidden it.
                unclear_ids |= {row.id} if _holds(row.custom, former_fields) else set()
            elif str(value) != str(row._mapping[target.name]):  # noqa: SLF001 - SQLAlchemy's public accessor has this name
                values[target.name][row.id] = value
    for target in columns:
        _store(session, table, target, values[target.name])
    return unclear_ids | _with_unknown_sprints(session, values.get("sprint_ids", {}))


def _value(target: Column, item: Item) -> object:
    """The column's value by the stored fields alone; None for one that can't be kept."""
    try:
        json_value = target.take(item)
        return CONVERTERS[target.kind](json_value) if json_value is not None and json_value != "" else None
    except FAULTS:
        return None


def _holds(custom: object, fields: Collection[str]) -> bool:
    return isinstance(custom, dict) and any(custom.get(name) is not None for name in fields)


def _store(session: Session, table: Table, target: Column, values: dict[str, object]) -> None:
    if not values:
        return
    # One array of JSON texts for every kind: arrays of arrays have no SQL form.
    texts = [orjson.dumps(value, default=str).decode() for value in values.values()]
    rows = func.unnest(cast([*values], ARRAY(Text)), cast(texts, ARRAY(Text)))
    new_rows = rows.table_valued(column("id", Text), column("value", Text), name="new_rows").render_derived()
    as_json = cast(new_rows.c.value, JSONB)
    value: ColumnElement[Any]
    if target.kind is Kind.TEXTS:
        elements = select(func.array_agg(column("element", Text))).select_from(
            func.jsonb_array_elements_text(as_json).table_valued("element")
        )
        value = func.coalesce(elements.scalar_subquery(), cast([], ARRAY(Text)))
    else:
        value = cast(as_json.op("#>>")(cast([], ARRAY(Text))), table.c[target.name].type)
    statement = update(table).where(table.c.id == new_rows.c.id)
    session.execute(statement.values({target.name: value, "version": _next_version(table)}))


def _with_unknown_sprints(session: Session, values: dict[str, object]) -> set[str]:
    """The issues with a sprint that isn't stored: reading them brings it."""
    sprint_ids = {sprint_id for ids in values.values() if isinstance(ids, list) for sprint_id in ids}
    sprint = table_of(entity("sprint"))
    query = select(sprint.c.id).where(sprint.c.id.in_(sprint_ids), sprint.c.deleted_at.is_(None))
    unknown_ids = sprint_ids - {*session.execute(query).scalars()} if sprint_ids else set()
    return {issue_id for issue_id, ids in values.items() if isinstance(ids, list) and unknown_ids & {*ids}}


def _next_version(table: Table) -> ColumnElement[int]:
    """The next version of a live row; a tombstone keeps its target."""
    return case((table.c.deleted_at.is_(None), ROW_VERSION.next_value()), else_=table.c.version)
